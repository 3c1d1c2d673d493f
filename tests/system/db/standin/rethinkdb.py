#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A stand-in for a RethinkDB server: the V1_0 handshake, a few terms and changefeeds of one document.

Usage: rethinkdb.py [ADDRESS:]PORT FOLDER [USER PASSWORD [CERTIFICATE KEY AUTHORITY]]

Written from the documentation of the protocol ("Writing RethinkDB drivers" and ql2.proto), to test a driver where there
is no server. Documents are in an SQLite database in FOLDER, and each change is on disk before it is answered or seen,
so that it can be killed. What it does not have is an error, as with the real one: an unknown term, arguments of other
kinds.

What happens to it is what happens to clients of the real one, as far as that can be read:
- a full disk ends it ("Ran out of disk space");
- tables cannot be asked for a moment after a start: they fail, other than what waits for them;
- with a certificate it speaks TLS, and wants one of the same authority from its clients, as with driver-tls-ca;
- SIGUSR1: the table's primary replica goes elsewhere. Changefeeds end with an error, the next write is done or is not
  and nobody knows, and then the table is away for a moment, too.
"""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import os
import signal
import sqlite3
import ssl
import struct
import sys
import time

MAGIC = 0x34c2bdc3
BATCH = 200
ITERATIONS = 4096
AWAY_S = 0.1

START, CONTINUE, STOP = 1, 2, 3
ATOM, SEQUENCE, PARTIAL = 1, 2, 3
CLIENT_ERROR, COMPILE_ERROR, RUNTIME_ERROR = 16, 17, 18
NON_EXISTENCE, OP_FAILED, OP_INDETERMINATE = 3100000, 4100000, 4200000
WAITS_FOR = ('ready_for_outdated_reads', 'ready_for_reads', 'ready_for_writes', 'all_replicas_ready')


class ReqlError(Exception):
    def __init__(self, text, kind=RUNTIME_ERROR, code=OP_FAILED):
        super().__init__(text)
        self.kind = kind
        self.code = code


class Store:
    """Databases of tables of documents, and who waits for which. A table without a name is the database itself."""

    def __init__(self, folder):
        self.feeds = {}
        self.moves, self.in_doubt = 0, False
        self.ready_at = time.monotonic() + AWAY_S
        self.disk = sqlite3.connect(os.path.join(folder, 'documents'), isolation_level=None)
        self.disk.execute('PRAGMA locking_mode = EXCLUSIVE')
        self.disk.execute('PRAGMA journal_mode = WAL')
        self.disk.execute('PRAGMA synchronous = FULL')
        self.disk.execute('CREATE TABLE IF NOT EXISTS names (base TEXT, name TEXT, PRIMARY KEY (base, name))')
        self.disk.execute('CREATE TABLE IF NOT EXISTS documents (base TEXT, name TEXT, id TEXT, document TEXT, '
                          'PRIMARY KEY (base, name, id))')

    def is_there(self, database, name=''):
        return bool(self.disk.execute('SELECT 1 FROM names WHERE base = ? AND name = ?', (database, name)).fetchall())

    def databases(self):
        return [base for base, in self.disk.execute("SELECT base FROM names WHERE name = '' ORDER BY base")]

    def tables(self, database):
        found = self.disk.execute("SELECT name FROM names WHERE base = ? AND name != '' ORDER BY name", (database,))
        return [name for name, in found]

    def create(self, database, name=''):
        self.disk.execute('INSERT INTO names VALUES (?, ?)', (database, name))

    def read(self, place):
        found = self.disk.execute('SELECT document FROM documents WHERE base = ? AND name = ? AND id = ?', place)
        return next((json.loads(document) for document, in found.fetchall()), None)

    def read_range(self, database, name, left, right):
        found = self.disk.execute('SELECT document FROM documents WHERE base = ? AND name = ? AND id >= ? AND id < ? '
                                  'ORDER BY id LIMIT ?', (database, name, left, right, BATCH + 1))
        return [json.loads(document) for document, in found.fetchall()]

    def write(self, place, old, document):
        doubt, self.in_doubt = self.in_doubt, False
        if not doubt or self.moves % 2:
            if document is None:
                self.disk.execute('DELETE FROM documents WHERE base = ? AND name = ? AND id = ?', place)
            else:
                self.disk.execute('REPLACE INTO documents VALUES (?, ?, ?, ?)', (*place, json.dumps(document)))
            for feed in list(self.feeds.get(place, ())):
                feed.tell({'old_val': old, 'new_val': document})
        if doubt:
            self.ready_at = time.monotonic() + AWAY_S
            raise ReqlError('Cannot perform write: lost contact with primary replica', code=OP_INDETERMINATE)

    def move(self):
        self.moves += 1
        self.in_doubt = True
        for feeds in self.feeds.values():
            for feed in feeds:
                feed.abort()
        self.feeds = {}

    def need_primary(self):
        if time.monotonic() < self.ready_at:
            raise ReqlError('Cannot perform query: primary replica is not available')


class Feed:
    """Changes of one document that wait for a CONTINUE."""

    def __init__(self, connection, token):
        self.connection = connection
        self.token = token
        self.changes = []
        self.asked = self.aborted = False

    def tell(self, change):
        self.changes.append(change)
        self.answer()

    def abort(self):
        self.aborted = True
        self.answer()

    def answer(self):
        if self.asked and self.aborted:
            self.connection.fail(self.token, ReqlError('Changefeed aborted (unavailable).'))
            del self.connection.streams[self.token]
        elif self.asked and self.changes:
            changes, self.changes, self.asked = self.changes, [], False
            self.connection.send(self.token, {'t': PARTIAL, 'r': changes, 'n': [2]})


class Table:
    def __init__(self, store, database, name):
        if not store.is_there(database, name):
            raise ReqlError('Table `%s.%s` does not exist.' % (database, name))
        self.store, self.database, self.name = store, database, name


class Selection:
    def __init__(self, table, key):
        table.store.need_primary()
        self.store, self.place = table.store, (table.database, table.name, key)
        self.document = table.store.read(self.place)


class Range:
    """Documents of a table from left to right, read as they are asked for, while others write."""

    def __init__(self, table, left, right):
        self.table, self.left, self.right = table, left, right

    def next(self):
        self.table.store.need_primary()
        found = self.table.store.read_range(self.table.database, self.table.name, self.left, self.right)
        now, rest = found[:BATCH], found[BATCH:]
        self.left = rest[0]['id'] if rest else None
        return now


class Wait:
    def __init__(self, store):
        self.store = store


class Changes:
    def __init__(self, selection):
        self.selection = selection


def plain(value):
    return value.document if isinstance(value, Selection) else value


class Evaluator:
    def __init__(self, store):
        self.store = store

    def value(self, term, variables):
        if isinstance(term, dict):
            return {name: plain(self.value(item, variables)) for name, item in term.items()}
        if not isinstance(term, list):
            return term
        kind, arguments, options = term[0], term[1] if len(term) > 1 else [], term[2] if len(term) > 2 else {}
        method = getattr(self, 'term_%s' % kind, None)
        if method is None:
            raise ReqlError('Unknown term %s.' % kind, COMPILE_ERROR)
        return method(arguments, options, variables)

    def datum(self, term, variables):
        return plain(self.value(term, variables))

    def term_2(self, arguments, options, variables):  # MAKE_ARRAY
        return [self.datum(item, variables) for item in arguments]

    def term_10(self, arguments, options, variables):  # VAR
        return variables[arguments[0]]

    def term_14(self, arguments, options, variables):  # DB
        return ('db', arguments[0])

    def term_15(self, arguments, options, variables):  # TABLE
        if options.get('read_mode', 'single') not in ('single', 'majority', 'outdated'):
            raise ReqlError('Read mode not recognized.')
        return Table(self.store, self.value(arguments[0], variables)[1], arguments[1])

    def term_16(self, arguments, options, variables):  # GET
        key = self.datum(arguments[1], variables)
        if not isinstance(key, str) or len(key) > 127:
            raise ReqlError('Primary key too long (max 127 characters).')
        return Selection(self.value(arguments[0], variables), key)

    def term_17(self, arguments, options, variables):  # EQ
        return self.datum(arguments[0], variables) == self.datum(arguments[1], variables)

    def term_18(self, arguments, options, variables):  # NE
        return self.datum(arguments[0], variables) != self.datum(arguments[1], variables)

    def term_55(self, arguments, options, variables):  # REPLACE
        selection = self.value(arguments[0], variables)
        old = selection.document
        names, body = self.value(arguments[1], variables)
        counts = dict.fromkeys(('deleted', 'errors', 'inserted', 'replaced', 'skipped', 'unchanged'), 0)
        try:
            new = self.datum(body, {names[0]: old})
            if new is not None and new.get('id') != selection.place[2]:
                raise ReqlError('Primary key `id` cannot be changed.')
        except ReqlError as error:
            counts['errors'] = 1
            counts['first_error'] = str(error)
            return counts
        if new is None and old is None:
            counts['skipped'] = 1
        elif new == old:
            counts['unchanged'] = 1
        else:
            counts['deleted' if new is None else 'inserted' if old is None else 'replaced'] = 1
            self.store.write(selection.place, old, new)
        return counts

    def term_56(self, arguments, options, variables):  # INSERT
        table = self.value(arguments[0], variables)
        document = self.datum(arguments[1], variables)
        counts = dict.fromkeys(('deleted', 'errors', 'inserted', 'replaced', 'skipped', 'unchanged'), 0)
        if options.get('conflict', 'error') != 'error':
            raise ReqlError('Only conflict: error is known here.', COMPILE_ERROR)
        self.store.need_primary()
        place = table.database, table.name, document['id']
        found = self.store.read(place)
        if len(document['id']) > 127:
            counts['errors'] = 1
            counts['first_error'] = 'Primary key too long (max 127 characters): "%s"' % document['id']
        elif found:
            counts['errors'] = 1
            counts['first_error'] = 'Duplicate primary key `id`:\n%s' % json.dumps(found)
        else:
            counts['inserted'] = 1
            self.store.write(place, None, document)
        return counts

    def term_57(self, arguments, options, variables):  # DB_CREATE
        if self.store.is_there(arguments[0]):
            raise ReqlError('Database `%s` already exists.' % arguments[0])
        self.store.create(arguments[0])
        return {'dbs_created': 1}

    def term_59(self, arguments, options, variables):  # DB_LIST
        return self.store.databases()

    def term_60(self, arguments, options, variables):  # TABLE_CREATE
        database = self.value(arguments[0], variables)[1]
        if self.store.is_there(database, arguments[1]):
            raise ReqlError('Table `%s.%s` already exists.' % (database, arguments[1]))
        self.store.create(database, arguments[1])
        return {'tables_created': 1}

    def term_62(self, arguments, options, variables):  # TABLE_LIST
        database = self.value(arguments[0], variables)[1]
        if not self.store.is_there(database):
            raise ReqlError('Database `%s` does not exist.' % database)
        return self.store.tables(database)

    def term_65(self, arguments, options, variables):  # BRANCH
        chosen = arguments[1] if self.datum(arguments[0], variables) else arguments[2]
        return self.datum(chosen, variables)

    def term_67(self, arguments, options, variables):  # AND
        return all(self.datum(item, variables) for item in arguments)

    def term_69(self, arguments, options, variables):  # FUNC
        return self.value(arguments[0], variables), arguments[1]

    def term_93(self, arguments, options, variables):  # CONTAINS
        return self.datum(arguments[1], variables) in self.datum(arguments[0], variables)

    def term_152(self, arguments, options, variables):  # CHANGES
        return Changes(self.value(arguments[0], variables))

    def term_170(self, arguments, options, variables):  # BRACKET
        document = self.datum(arguments[0], variables)
        if document is None:
            raise ReqlError('Cannot perform bracket on a non-object non-sequence `null`.', RUNTIME_ERROR, NON_EXISTENCE)
        if arguments[1] not in document:
            raise ReqlError('No attribute `%s` in object.' % arguments[1], RUNTIME_ERROR, NON_EXISTENCE)
        return document[arguments[1]]

    def term_177(self, arguments, options, variables):  # WAIT
        if options.get('wait_for', 'all_replicas_ready') not in WAITS_FOR:
            raise ReqlError('Unknown table readiness state.')
        return Wait(self.value(arguments[0], variables).store)

    def term_182(self, arguments, options, variables):  # BETWEEN, closed on the left and open on the right
        return Range(self.value(arguments[0], variables), arguments[1], arguments[2])


class Connection:
    def __init__(self, server, reader, writer):
        self.server, self.reader, self.writer = server, reader, writer
        self.streams = {}

    def send(self, token, answer):
        text = json.dumps(answer).encode()
        if not self.writer.is_closing():
            self.writer.write(struct.pack('<QI', token, len(text)) + text)

    def greet(self, message):
        self.writer.write(json.dumps(message).encode() + b'\0')

    async def hear(self):
        return json.loads((await self.reader.readuntil(b'\0'))[:-1])

    async def handshake(self):
        magic, = struct.unpack('<I', await self.reader.readexactly(4))
        if magic != MAGIC:
            self.writer.write(b'ERROR: This is not the handshake of V1_0.\0')
            return False
        self.greet({'success': True, 'min_protocol_version': 0, 'max_protocol_version': 0, 'server_version': '2.4.0'})
        message = await self.hear()
        if message['authentication_method'] != 'SCRAM-SHA-256' or message['protocol_version'] != 0:
            self.greet({'success': False, 'error': 'Unsupported.', 'error_code': 1})
            return False
        return await self.scram(message['authentication'])

    async def scram(self, first):
        header, bare = first[:3], first[3:]
        fields = dict(item.split('=', 1) for item in bare.split(','))
        user = fields['n'].replace('=2C', ',').replace('=3D', '=')
        salt = os.urandom(16)
        nonce = fields['r'] + base64.b64encode(os.urandom(12)).decode()
        server_first = 'r=%s,s=%s,i=%d' % (nonce, base64.b64encode(salt).decode(), ITERATIONS)
        self.greet({'success': True, 'authentication': server_first})
        final = (await self.hear())['authentication']
        without_proof, proof = final.rsplit(',p=', 1)
        salted = hashlib.pbkdf2_hmac('sha256', self.server.password.encode(), salt, ITERATIONS)
        auth = ','.join((bare, server_first, without_proof)).encode()
        client_key = hmac.digest(salted, b'Client Key', 'sha256')
        signature = hmac.digest(hashlib.sha256(client_key).digest(), auth, 'sha256')
        expected = bytes(a ^ b for a, b in zip(client_key, signature))
        channel = 'c=%s,r=%s' % (base64.b64encode(header.encode()).decode(), nonce)
        if user != self.server.user or channel != without_proof or base64.b64decode(proof) != expected:
            self.greet({'success': False, 'error': 'Wrong password', 'error_code': 12})
            return False
        proof = hmac.digest(hmac.digest(salted, b'Server Key', 'sha256'), auth, 'sha256')
        self.greet({'success': True, 'authentication': 'v=' + base64.b64encode(proof).decode()})
        return True

    def more(self, token):
        stream = self.streams.get(token)
        if isinstance(stream, Feed):
            stream.asked = True
            stream.answer()
        elif stream is None:
            raise ReqlError('Token %d not in stream cache.' % token, CLIENT_ERROR)
        else:
            self.batch(token, stream)

    def batch(self, token, documents):
        self.streams.pop(token, None)
        now = documents.next()
        if documents.left is not None:
            self.streams[token] = documents
        self.send(token, {'t': SEQUENCE if documents.left is None else PARTIAL, 'r': now, 'n': []})

    async def start(self, token, term):
        result = Evaluator(self.server.store).value(term, {})
        if isinstance(result, Changes):
            feed = self.streams[token] = Feed(self, token)
            self.server.store.feeds.setdefault(result.selection.place, set()).add(feed)
            self.send(token, {'t': PARTIAL, 'r': [], 'n': [2]})
        elif isinstance(result, Range):
            self.batch(token, result)
        elif isinstance(result, Wait):
            await asyncio.sleep(max(0, result.store.ready_at - time.monotonic()))
            self.send(token, {'t': ATOM, 'r': [{'ready': 1}], 'n': []})
        else:
            self.send(token, {'t': ATOM, 'r': [plain(result)], 'n': []})

    def fail(self, token, error):
        self.send(token, {'t': error.kind, 'e': error.code, 'r': [str(error)], 'b': []})

    async def serve(self):
        while True:
            token, length = struct.unpack('<QI', await self.reader.readexactly(12))
            query = json.loads(await self.reader.readexactly(length))
            try:
                if query[0] == START:
                    await self.start(token, query[1])
                elif query[0] == CONTINUE:
                    self.more(token)
                else:
                    raise ReqlError('Unknown query.', CLIENT_ERROR)
            except ReqlError as error:
                self.fail(token, error)
            await self.writer.drain()

    def end(self):
        for feeds in self.server.store.feeds.values():
            feeds.difference_update([feed for feed in feeds if feed.connection is self])
        self.writer.close()


class Server:
    def __init__(self, folder, user, password):
        self.store = Store(folder)
        self.user, self.password = user, password

    async def meet(self, reader, writer):
        connection = Connection(self, reader, writer)
        try:
            if await connection.handshake():
                await connection.serve()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        except sqlite3.OperationalError as error:
            with contextlib.suppress(OSError):  # its log is on the same disk
                print('Ran out of disk space. (%s)' % error, file=sys.stderr)
            os._exit(1)
        finally:
            connection.end()


def tls(certificate, key, authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.load_verify_locations(authority)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


async def main(place, folder, user='admin', password='', *files):
    server = Server(folder, user, password)
    address, _, port = place.rpartition(':')
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, server.store.move)
    listener = await asyncio.start_server(server.meet, address or '127.0.0.1', int(port), limit=64 << 20,
                                          ssl=tls(*files) if files else None)
    async with listener:
        await listener.serve_forever()


if __name__ == '__main__':
    asyncio.run(main(*sys.argv[1:]))
