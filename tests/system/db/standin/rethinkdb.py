#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A stand-in for a RethinkDB server: the V1_0 handshake, a few terms and changefeeds of one document.

Usage: rethinkdb.py PORT FOLDER [USER PASSWORD]

Written from the documentation of the protocol ("Writing RethinkDB drivers" and ql2.proto), to test a driver where there
is no server. Documents are in a log in FOLDER, each change on disk before it is answered, so that it can be killed.
What it does not have is an error, as with the real one: an unknown term, arguments of other kinds.
"""

import asyncio
import base64
import copy
import hashlib
import hmac
import json
import os
import struct
import sys

MAGIC = 0x34c2bdc3
BATCH = 200
ITERATIONS = 4096

START, CONTINUE, STOP = 1, 2, 3
ATOM, SEQUENCE, PARTIAL = 1, 2, 3
CLIENT_ERROR, COMPILE_ERROR, RUNTIME_ERROR = 16, 17, 18
NON_EXISTENCE, OP_FAILED = 3200000, 4100000


class ReqlError(Exception):
    def __init__(self, text, kind=RUNTIME_ERROR, code=OP_FAILED):
        super().__init__(text)
        self.kind = kind
        self.code = code


class Store:
    """Databases of tables of documents, and who waits for which."""

    def __init__(self, folder):
        self.tables = {}
        self.feeds = {}
        self.path = os.path.join(folder, 'changes')
        if os.path.exists(self.path):
            with open(self.path, 'rb') as changes:
                for line in changes:
                    if line.endswith(b'\n'):  # the last one may have been cut
                        self.apply(*json.loads(line))
        self.log = open(self.path, 'ab')
        size = self.log.tell()
        if size:
            with open(self.path, 'rb+') as changes:
                data = changes.read()
                changes.truncate(data.rfind(b'\n') + 1)

    def apply(self, database, table, key, document):
        tables = self.tables.setdefault(database, {})
        if table is None:
            return
        documents = tables.setdefault(table, {})
        if key is None:
            return
        if document is None:
            documents.pop(key, None)
        else:
            documents[key] = document

    def write(self, database, table=None, key=None, document=None):
        line = json.dumps([database, table, key, document]).encode() + b'\n'
        self.log.write(line)
        self.log.flush()
        old = None
        if key is not None:
            old = self.tables[database][table].get(key)
        self.apply(database, table, key, document)
        for feed in list(self.feeds.get((database, table, key), ())):
            feed.tell({'old_val': old, 'new_val': document})


class Feed:
    """Changes of one document that wait for a CONTINUE."""

    def __init__(self, connection, token):
        self.connection = connection
        self.token = token
        self.changes = []
        self.asked = False

    def tell(self, change):
        self.changes.append(copy.deepcopy(change))
        self.answer()

    def answer(self):
        if self.asked and self.changes:
            changes, self.changes, self.asked = self.changes, [], False
            self.connection.send(self.token, {'t': PARTIAL, 'r': changes, 'n': [2]})


class Table:
    def __init__(self, store, database, name):
        if name not in store.tables.get(database, {}):
            raise ReqlError('Table `%s.%s` does not exist.' % (database, name))
        self.store, self.database, self.name = store, database, name
        self.documents = store.tables[database][name]


class Selection:
    def __init__(self, table, key):
        self.table, self.key = table, key
        self.document = table.documents.get(key)


class Range:
    def __init__(self, documents):
        self.documents = documents


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
        new = self.datum(body, {names[0]: old})
        counts = dict.fromkeys(('deleted', 'errors', 'inserted', 'replaced', 'skipped', 'unchanged'), 0)
        if new is None and old is None:
            counts['skipped'] = 1
        elif new == old:
            counts['unchanged'] = 1
        else:
            if new is not None and new.get('id') != selection.key:
                raise ReqlError('Primary key `id` cannot be changed.')
            counts['deleted' if new is None else 'inserted' if old is None else 'replaced'] = 1
            self.store.write(selection.table.database, selection.table.name, selection.key, new)
        return counts

    def term_56(self, arguments, options, variables):  # INSERT
        table = self.value(arguments[0], variables)
        document = self.datum(arguments[1], variables)
        counts = dict.fromkeys(('deleted', 'errors', 'inserted', 'replaced', 'skipped', 'unchanged'), 0)
        if options.get('conflict', 'error') != 'error':
            raise ReqlError('Only conflict: error is known here.', COMPILE_ERROR)
        if len(document['id']) > 127:
            counts['errors'] = 1
            counts['first_error'] = 'Primary key too long (max 127 characters): "%s"' % document['id']
        elif document['id'] in table.documents:
            counts['errors'] = 1
            counts['first_error'] = 'Duplicate primary key `id`:\n%s' % json.dumps(table.documents[document['id']])
        else:
            counts['inserted'] = 1
            self.store.write(table.database, table.name, document['id'], document)
        return counts

    def term_57(self, arguments, options, variables):  # DB_CREATE
        if arguments[0] in self.store.tables:
            raise ReqlError('Database `%s` already exists.' % arguments[0])
        self.store.write(arguments[0])
        return {'dbs_created': 1}

    def term_59(self, arguments, options, variables):  # DB_LIST
        return sorted(self.store.tables)

    def term_60(self, arguments, options, variables):  # TABLE_CREATE
        database = self.value(arguments[0], variables)[1]
        if arguments[1] in self.store.tables[database]:
            raise ReqlError('Table `%s.%s` already exists.' % (database, arguments[1]))
        self.store.write(database, arguments[1])
        return {'tables_created': 1}

    def term_62(self, arguments, options, variables):  # TABLE_LIST
        database = self.value(arguments[0], variables)[1]
        if database not in self.store.tables:
            raise ReqlError('Database `%s` does not exist.' % database)
        return sorted(self.store.tables[database])

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
        self.value(arguments[0], variables)
        return {'ready': 1}

    def term_182(self, arguments, options, variables):  # BETWEEN, closed on the left and open on the right
        table = self.value(arguments[0], variables)
        keys = sorted(key for key in table.documents if arguments[1] <= key < arguments[2])
        return Range([table.documents[key] for key in keys])


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
            self.send(token, {'t': CLIENT_ERROR, 'r': ['Token %d not in stream cache.' % token]})
        else:
            self.batch(token, stream)

    def batch(self, token, documents):
        now, rest = documents[:BATCH], documents[BATCH:]
        self.streams[token] = rest
        if not rest:
            del self.streams[token]
        self.send(token, {'t': PARTIAL if rest else SEQUENCE, 'r': now, 'n': []})

    def start(self, token, term):
        result = Evaluator(self.server.store).value(term, {})
        if isinstance(result, Changes):
            selection = result.selection
            feed = self.streams[token] = Feed(self, token)
            place = selection.table.database, selection.table.name, selection.key
            self.server.store.feeds.setdefault(place, set()).add(feed)
            self.send(token, {'t': PARTIAL, 'r': [], 'n': [2]})
        elif isinstance(result, Range):
            self.batch(token, result.documents)
        else:
            self.send(token, {'t': ATOM, 'r': [plain(result)], 'n': []})

    async def serve(self):
        while True:
            token, length = struct.unpack('<QI', await self.reader.readexactly(12))
            query = json.loads(await self.reader.readexactly(length))
            try:
                if query[0] == START:
                    self.start(token, query[1])
                elif query[0] == CONTINUE:
                    self.more(token)
                else:
                    self.send(token, {'t': CLIENT_ERROR, 'r': ['Unknown query.']})
            except ReqlError as error:
                self.send(token, {'t': error.kind, 'e': error.code, 'r': [str(error)], 'b': []})
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
        finally:
            connection.end()


async def main(port, folder, user='admin', password=''):
    server = Server(folder, user, password)
    listener = await asyncio.start_server(server.meet, '127.0.0.1', int(port), limit=64 << 20)
    async with listener:
        await listener.serve_forever()


if __name__ == '__main__':
    asyncio.run(main(*sys.argv[1:]))
