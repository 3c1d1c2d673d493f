# SPDX-License-Identifier: Apache-2.0
"""The control page of a replay port, from the side of whoever measures.

replay_ctl.h says what the words mean.
"""

import collections
import mmap

MAGIC = 0x31594c5045524644
QUEUES = 16
LINE = 8  # words
MAGIC_WORD, TSC_HZ_WORD, FRAMES_WORD, RUN_WORD, PASSES_WORD = range(5)
RX_WORD = LINE
TX_WORD = RX_WORD + QUEUES * LINE
WORDS = TX_WORD + QUEUES * LINE

Counters = collections.namedtuple(
    'Counters', ('packets', 'bytes', 'first_tsc', 'last_tsc', 'done',
                 'no_mbuf', 'turns', 'turn_tsc'))


class ReplayPage:
    """Starts, stops and reads one replay port."""

    def __init__(self, path):
        self.path = path
        with open(path, 'wb') as file:
            file.truncate(WORDS * 8)
        with open(path, 'r+b') as file:
            self._words = memoryview(mmap.mmap(file.fileno(), 0)).cast('Q')
        self._run = 0

    @property
    def ready(self):
        """Whether a program has opened the port."""
        return self._words[MAGIC_WORD] == MAGIC

    @property
    def tsc_hz(self):
        return self._words[TSC_HZ_WORD]

    def begin(self, passes=0):
        """Start a run of so many passes of the file, 0 for without end."""
        self._run += 1
        self._words[PASSES_WORD] = passes
        self._words[RUN_WORD] = self._run

    def pause(self):
        self._words[RUN_WORD] = 0

    @property
    def finished(self):
        """Whether the first queue has received all passes of the run."""
        return self._line(RX_WORD).done == self._run

    def _line(self, word):
        return Counters(*self._words[word:word + len(Counters._fields)])

    def _total(self, first_word):
        lines = [self._line(first_word + queue * LINE)
                 for queue in range(QUEUES)]
        used = [line for line in lines if line.packets] or lines[:1]
        return Counters(
            packets=sum(line.packets for line in used),
            bytes=sum(line.bytes for line in used),
            first_tsc=min(line.first_tsc for line in used),
            last_tsc=max(line.last_tsc for line in used),
            done=min(line.done for line in used),
            no_mbuf=sum(line.no_mbuf for line in lines),
            turns=sum(line.turns for line in lines),
            turn_tsc=max(line.turn_tsc for line in lines))

    def received(self):
        """All rx queues together."""
        return self._total(RX_WORD)

    def sent(self):
        """All tx queues together."""
        return self._total(TX_WORD)
