# SPDX-License-Identifier: Apache-2.0
"""The control page of replay ports, from the side of whoever measures.

replay_ctl.h says what the words mean.
"""

import collections
import mmap

MAGIC = 0x32594c5045524644
LINES = 64
LINE = 8  # words
(MAGIC_WORD, TSC_HZ_WORD, PORTS_WORD, RUN_WORD, PASSES_WORD, MUTED_WORD,
 FRAME_TICKS_WORD, WAKES_WORD) = range(8)
RX_WORD = LINE
TX_WORD = RX_WORD + LINES * LINE
WORDS = TX_WORD + LINES * LINE

RxCounters = collections.namedtuple(
    'RxCounters', ('packets', 'bytes', 'first_tsc', 'last_tsc', 'done',
                   'no_mbuf', 'missed', 'frames'))
TxCounters = collections.namedtuple(
    'TxCounters', ('packets', 'bytes', 'first_tsc', 'last_tsc', 'turns',
                   'turn_tsc', 'unused', 'unused2'))
SUMS = {'packets', 'bytes', 'no_mbuf', 'missed', 'frames', 'turns'}
MINIMA = {'first_tsc', 'done'}


def _total(lines):
    """Of the lines that count anything."""
    used = [line for line in lines if line.packets] or lines[:1]
    return type(lines[0])(*(
        (sum if name in SUMS else min if name in MINIMA else max)(column)
        for name, column in zip(lines[0]._fields, zip(*used))))


class ReplayPage:
    """Starts, stops and reads the replay ports that share a page."""

    def __init__(self, path, ports=1):
        self.path = path
        self._ports = ports
        with open(path, 'wb') as file:
            file.truncate(WORDS * 8)
        with open(path, 'r+b') as file:
            self._words = memoryview(mmap.mmap(file.fileno(), 0)).cast('Q')
        self._run = 0

    @property
    def ready(self):
        """Whether a program has opened all ports."""
        return (self._words[MAGIC_WORD] == MAGIC and
                self._words[PORTS_WORD] >= self._ports)

    @property
    def tsc_hz(self):
        return self._words[TSC_HZ_WORD]

    def begin(self, passes=0, muted=()):
        """Start a run of so many passes of the file, 0 for without end.

        Ports whose lines are muted receive nothing in it.
        """
        self._words[RUN_WORD] = 0
        self._words[PASSES_WORD] = passes
        self._words[MUTED_WORD] = sum(1 << line for line in muted)
        self._run += 1
        self.resume()

    def pause(self):
        self._words[RUN_WORD] = 0

    def resume(self):
        """Go on with the run where it was paused."""
        self._words[WAKES_WORD] += 1
        self._words[RUN_WORD] = self._run

    def pace(self, frames_per_second):
        """How fast frames arrive at a port without `every`; 0: at once."""
        self._words[FRAME_TICKS_WORD] = (
            round(self.tsc_hz / frames_per_second) if frames_per_second else 0)

    @property
    def finished(self):
        """Whether each port's first queue has received the run's passes."""
        muted = self._words[MUTED_WORD]
        return all(line.done == self._run
                   for number, line in enumerate(self.rx_lines())
                   if line.frames and not muted >> number & 1)

    @staticmethod
    def _lines(kind, words, first_word):
        return [kind(*words[word:word + LINE])
                for word in range(first_word, first_word + LINES * LINE,
                                  LINE)]

    def rx_lines(self):
        return self._lines(RxCounters, self._words, RX_WORD)

    def counted(self):
        """(received, sent) at one moment, all queues together."""
        words = memoryview(bytes(self._words)).cast('Q')
        return (_total(self._lines(RxCounters, words, RX_WORD)),
                _total(self._lines(TxCounters, words, TX_WORD)))

    def received(self):
        return self.counted()[0]

    def sent(self):
        return self.counted()[1]
