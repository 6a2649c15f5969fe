#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""A client of Knooppunt in another language, written from proto/README.md alone.

It uses nothing of the project but proto/: python3-zmq and python3-protobuf for the wire, protoc for
the messages, and the openssl command for keys, certificates and signatures. As a module it serves
tests; as a command it does one step at a time, each answering with one line of JSON:

    client.py keys --dir D --counterpart politie --serial 00000009990000000001
    client.py certify --dir D --ca ca.pem --ca-key ca.key          (what a demo CA does)
    client.py request --dir D --counterpart politie --house-oin 00000009990000000000 --out request.bin
    client.py bundle --dir D --bundle bundle.bin --anchors ca.pem
    client.py submit --dir D --bundle bundle.bin --anchors ca.pem --signals signals.jsonl
    client.py receive --dir D --bundle bundle.bin --anchors ca.pem --mailbox politie --count 1
    client.py story ... (all of a session: submit, verify, refuse what is altered, receive, acknowledge)

Exit codes: 0 done, 1 refused or not verified, 2 usage, 3 no answer in time.
"""
import argparse
import collections
import hashlib
import importlib
import json
import os
import pathlib
import re
import secrets
import subprocess
import sys
import tempfile
import time

import zmq
import zmq.utils.monitor
import zmq.utils.z85
from google.protobuf import json_format

PROTO = pathlib.Path(__file__).resolve().parents[2] / "proto"
FRAME_BYTES_MAX = 1 << 20
SCHEMA = 1
WAIT_S = 30


def load_messages():
    """Compile the .proto files into a folder that lives as long as this process, and import them."""
    folder = tempfile.TemporaryDirectory(prefix="knooppunt-proto-")
    files = sorted(str(path) for path in PROTO.glob("knooppunt/v1/*.proto"))
    subprocess.run(["protoc", f"--proto_path={PROTO}", f"--python_out={folder.name}", *files], check=True)
    sys.path.insert(0, folder.name)
    modules = [importlib.import_module(f"knooppunt.v1.{name}_pb2")
               for name in ("envelope", "event", "identity", "known", "signal")]
    return (folder, *modules)


_folder, wire, event, identity, known, signal = load_messages()


class Untrusted(Exception):
    """A signature, certificate, bundle or receipt that does not verify."""


class Refused(Exception):
    """The hub kept nothing of the message, or said goodbye."""

    def __init__(self, refusal):
        super().__init__(f"code {refusal.code}: {refusal.text}")
        self.code = refusal.code
        self.refusal = refusal


class ShutOut(Exception):
    """The hub does not accept this key: 400 it does not know it, 500 it is revoked."""

    def __init__(self, status):
        super().__init__(f"the door is closed for this key: {status}")
        self.status = status


class NoAnswer(Exception):
    """Nothing came in time."""


# --- keys, certificates and signatures ---------------------------------------------------------

def openssl(*arguments, give=None):
    done = subprocess.run(["openssl", *map(str, arguments)], input=give, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False)
    if done.returncode != 0:
        raise Untrusted(f"openssl {arguments[0]}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


NEW_KEY = {
    "ed25519": ["-algorithm", "ED25519"],
    "p256": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "rsa": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072"],
}
DIGEST_OPTIONS = {
    identity.SIGNATURE_ALGORITHM_ECDSA_P256_SHA256: [],
    identity.SIGNATURE_ALGORITHM_RSA_PSS_SHA256: [
        "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32", "-sigopt", "rsa_mgf1_md:sha256"],
}


def algorithm_of(public_pem):
    """The one algorithm that this key may sign with."""
    text = openssl("pkey", "-pubin", "-noout", "-text", give=public_pem).decode()
    if text.startswith("ED25519"):
        return identity.SIGNATURE_ALGORITHM_ED25519
    if "prime256v1" in text:
        return identity.SIGNATURE_ALGORITHM_ECDSA_P256_SHA256
    bits = re.match(r"(?:RSA )?Public-Key: \((\d+) bit\)", text)
    if bits and "Modulus" in text and 2048 <= int(bits.group(1)) <= 4096:
        return identity.SIGNATURE_ALGORITHM_RSA_PSS_SHA256
    raise Untrusted("a key of a kind that is not allowed")


def write_new(path, content, mode=0o644):
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
    return path


def sign(key_file, label, body):
    """Sign label, NUL, body with the private key in @key_file: (algorithm, signature)."""
    algorithm = algorithm_of(openssl("pkey", "-in", key_file, "-pubout"))
    with tempfile.TemporaryDirectory() as folder:
        text = write_new(pathlib.Path(folder, "text"), label.encode() + b"\0" + body)
        if algorithm == identity.SIGNATURE_ALGORITHM_ED25519:
            return algorithm, openssl("pkeyutl", "-sign", "-rawin", "-inkey", key_file, "-in", text)
        return algorithm, openssl("dgst", "-sha256", "-sign", key_file, *DIGEST_OPTIONS[algorithm], text)


def verify(public_pem, algorithm, label, body, signature):
    """Raises Untrusted unless the signature over label, NUL, body is good."""
    if algorithm != algorithm_of(public_pem):
        raise Untrusted("signed with another algorithm than that of the key")
    with tempfile.TemporaryDirectory() as folder:
        text = write_new(pathlib.Path(folder, "text"), label.encode() + b"\0" + body)
        good = write_new(pathlib.Path(folder, "signature"), signature)
        key = write_new(pathlib.Path(folder, "key"), public_pem)
        if algorithm == identity.SIGNATURE_ALGORITHM_ED25519:
            openssl("pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", key, "-sigfile", good, "-in", text)
        else:
            openssl("dgst", "-sha256", "-verify", key, "-signature", good, *DIGEST_OPTIONS[algorithm], text)


def public_key_of(der):
    return openssl("x509", "-inform", "DER", "-noout", "-pubkey", give=der)


def serial_number_of(der):
    """serialNumber of the subject: an organisation's OIN."""
    lines = openssl("x509", "-inform", "DER", "-noout", "-subject", "-nameopt", "sep_multiline,sname", give=der)
    found = re.findall(r"^\s*serialNumber=(.*)$", lines.decode(), re.MULTILINE)
    return found[0] if len(found) == 1 else ""


def check_chain(der, anchors_file):
    with tempfile.TemporaryDirectory() as folder:
        pem = openssl("x509", "-inform", "DER", give=der)
        openssl("verify", "-CAfile", anchors_file, write_new(pathlib.Path(folder, "certificate"), pem))


class Keys:
    """One counterpart's own folder: signing key, certificate, CURVE key pair. Nothing of it leaves."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.signing_key = self.folder / "signing.key"
        self.certificate_request = self.folder / "signing.csr"
        self.certificate = self.folder / "signing.pem"
        self.curve_secret = self.folder / "curve.secret"
        self.curve_public = self.folder / "curve.public"

    def make(self, counterpart, serial, kind="ed25519"):
        self.folder.mkdir(parents=True, exist_ok=True)
        write_new(self.signing_key, openssl("genpkey", *NEW_KEY[kind]), 0o400)
        openssl("req", "-new", "-key", self.signing_key, "-out", self.certificate_request,
                "-subj", f"/C=NL/O={counterpart}/CN={counterpart}/serialNumber={serial}")
        public, secret = zmq.curve_keypair()
        write_new(self.curve_secret, secret, 0o400)
        write_new(self.curve_public, public)

    def certify(self, ca_file, ca_key_file, days=30):
        """What a CA does with the request: here for tests with a CA of their own."""
        extensions = write_new(self.folder / "extensions", b"basicConstraints=critical,CA:FALSE\n"
                               b"keyUsage=critical,digitalSignature\nsubjectKeyIdentifier=hash\n"
                               b"authorityKeyIdentifier=keyid\n")
        openssl("x509", "-req", "-in", self.certificate_request, "-CA", ca_file, "-CAkey", ca_key_file,
                "-set_serial", f"0x{secrets.token_hex(16)}", "-days", days, "-extfile", extensions,
                "-out", self.certificate)

    def certificate_der(self):
        return openssl("x509", "-in", self.certificate, "-outform", "DER")

    def oin(self):
        return serial_number_of(self.certificate_der())

    def enrol_request(self, counterpart, house_oin, kind=identity.COUNTERPART_KIND_PARTNER, chain=()):
        body = identity.EnrolBody(
            kind=kind, counterpart=counterpart, house_oin=house_oin, certificate=self.certificate_der(),
            chain=chain, curve_public=zmq.utils.z85.decode(self.curve_public.read_bytes()),
            made_at_ms=time.time_ns() // 1000000).SerializeToString()
        algorithm, signature = sign(self.signing_key, "knooppunt.enrol.v1", body)
        return identity.EnrolRequest(body=body, algorithm=algorithm, signature=signature).SerializeToString()


def open_bundle(content, anchors_file, counterpart=None):
    """The BundleBody, once everything in it verifies against anchors that came by another way."""
    bundle = identity.Bundle.FromString(content)
    body = identity.BundleBody.FromString(bundle.body)
    check_chain(body.hub_certificate, anchors_file)
    verify(public_key_of(body.hub_certificate), bundle.algorithm, "knooppunt.bundle.v1", bundle.body,
           bundle.signature)
    if serial_number_of(body.hub_certificate) != body.house_oin:
        raise Untrusted("the hub's certificate is not of this house")
    if counterpart is not None and body.counterpart != counterpart:
        raise Untrusted(f"a bundle for {body.counterpart}")
    if len(body.hub_curve_public) != 32:
        raise Untrusted("no transport key of the hub")
    return body


# --- a session ---------------------------------------------------------------------------------

def uuid7():
    number = (time.time_ns() // 1000000) << 80 | secrets.randbits(80)
    number = number & ~(0xF << 76) | 0x7 << 76
    return (number & ~(0x3 << 62) | 0x2 << 62).to_bytes(16, "big")


class Batch:
    """Encoded once: what is sent again is the same to the byte."""

    def __init__(self, keys, house_oin, partner_oin, signals):
        self.message_id = uuid7()
        parts = []
        for one in signals:
            encoded = one if isinstance(one, bytes) else one.SerializeToString(deterministic=True)
            parts.append(wire.SignedSignal(salt=secrets.token_bytes(32), signal=encoded))
        self.digests = [hashlib.sha256(part.salt + part.signal).digest() for part in parts]
        signed = house_oin.encode() + partner_oin.encode() + len(parts).to_bytes(4, "big") + b"".join(self.digests)
        algorithm, signature = sign(keys.signing_key, "knooppunt.batch.v1", signed)
        self.body = wire.SubmitBatch(
            signals=parts, algorithm=algorithm, signature=signature,
            certificate_digest=hashlib.sha256(keys.certificate_der()).digest())


# What a check was answered, how long that took, and in how many bytes.
Known = collections.namedtuple("Known", "answer seconds frame_bytes")


class Client:
    """One connection of one counterpart with its door. Use it from one thread; close it."""

    def __init__(self, keys, bundle, program="client.py 1", last_position=0, endpoint=None):
        self.keys, self.bundle = keys, bundle
        self.program, self.last_position = program, last_position
        self.session, self.welcome = None, None
        self.partner_oin = keys.oin() if keys.certificate.exists() else ""
        self.hub_public = public_key_of(bundle.hub_certificate)
        self.batches = {}  # message_id -> Batch, without an answer yet
        self.answers = {}  # message_id of a batch -> ReceiptBody or an exception
        self.deliveries = collections.deque()
        self.checks = {}  # message_id of a check -> when it was sent, without an answer yet
        self.known = {}  # message_id of a check -> Known
        self.answered = {}  # message_id of a question or command of a user -> Answer
        self.context = zmq.Context()
        self.endpoint = endpoint or bundle.endpoint
        self.open_socket()

    def open_socket(self):
        keys, bundle = self.keys, self.bundle
        self.connected, self.hello_at = False, None
        self.socket = self.context.socket(zmq.PAIR)
        options = {
            zmq.LINGER: 0, zmq.IMMEDIATE: 1, zmq.MAXMSGSIZE: FRAME_BYTES_MAX, zmq.HANDSHAKE_IVL: 3000,
            zmq.HEARTBEAT_IVL: 1000, zmq.HEARTBEAT_TIMEOUT: 2000, zmq.HEARTBEAT_TTL: 2000,
            zmq.RECONNECT_IVL: 100, zmq.RECONNECT_IVL_MAX: 5000,
            zmq.CURVE_SERVERKEY: zmq.utils.z85.encode(bundle.hub_curve_public),
            zmq.CURVE_PUBLICKEY: keys.curve_public.read_bytes(),
            zmq.CURVE_SECRETKEY: keys.curve_secret.read_bytes(),
        }
        for option, value in options.items():
            self.socket.setsockopt(option, value)
        self.monitor = self.socket.get_monitor_socket()
        self.poller = zmq.Poller()
        self.poller.register(self.socket, zmq.POLLIN)
        self.poller.register(self.monitor, zmq.POLLIN)
        self.socket.connect(self.endpoint)

    def close_socket(self, linger_ms=0):
        self.socket.disable_monitor()
        self.monitor.close(linger=0)
        self.socket.close(linger=linger_ms)

    def close(self, linger_ms=0):
        """@linger_ms: how long what was sent last may take to leave."""
        self.close_socket(linger_ms)
        self.context.term()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # Sending.

    def send_frame(self, frame):
        """Any bytes, for tests of what the hub refuses."""
        if not self.socket.poll(WAIT_S * 1000, zmq.POLLOUT):
            raise NoAnswer("the door takes nothing")
        self.socket.send(frame, zmq.NOBLOCK)

    def send(self, message_id=None, **body):
        envelope = wire.Envelope(schema=SCHEMA, message_id=message_id or uuid7(), **body)
        if self.session is not None:
            envelope.session = self.session
        self.send_frame(envelope.SerializeToString(deterministic=True))
        return envelope.message_id

    def say_hello(self):
        self.session = None
        self.hello_at = time.monotonic()
        self.send(hello=wire.Hello(schemas=[SCHEMA], client=self.program, counterpart=self.bundle.counterpart,
                                   last_position=self.last_position))

    def submit(self, signals):
        """Send one batch; returns its message id. Sent again by itself in a new session."""
        batch = Batch(self.keys, self.bundle.house_oin, self.partner_oin, signals)
        self.batches[batch.message_id] = batch
        self.send(message_id=batch.message_id, submit_batch=batch.body)
        return batch.message_id

    def check(self, requester_type, reason, person):
        """Ask whether a person is known; returns the message id. In a new session it must be asked again."""
        message_id = uuid7()
        self.checks[message_id] = time.monotonic()
        self.send(message_id=message_id,
                  known_check=known.KnownCheck(requester_type=requester_type, reason=reason, person=person))
        return message_id

    def ask(self, name, *arguments):
        """Ask something as a user of the house; returns the message id."""
        return self.send(query=wire.Query(name=name, arguments=[str(word) for word in arguments]))

    def command(self, name, *arguments, message_id=None):
        """Something that a user decides, signed; to be sent with do(), again too."""
        message_id = message_id or uuid7()
        body = wire.CommandBody(name=name, arguments=[str(word) for word in arguments]).SerializeToString(deterministic=True)
        algorithm, signature = sign(self.keys.signing_key, "knooppunt.command.v1",
                                    self.bundle.house_oin.encode() + message_id + body)
        return message_id, wire.Command(body=body, algorithm=algorithm, signature=signature,
                                        certificate_digest=hashlib.sha256(self.keys.certificate_der()).digest())

    def do(self, message_id, command):
        return self.send(message_id=message_id, command=command)

    def credit(self, mailbox, events):
        self.send(credit=wire.Credit(mailbox=mailbox, events=events))

    def ack(self, mailbox, seq):
        self.send(ack=wire.Ack(mailbox=mailbox, seq=seq))

    # Receiving.

    def step(self, until):
        """Wait for one thing to happen and take it in."""
        now = time.monotonic()
        if now >= until:
            raise NoAnswer("nothing came in time")
        if self.connected and self.session is None and (self.hello_at is None or now - self.hello_at > 5):
            self.say_hello()
        ready = dict(self.poller.poll(min(until - now, 1) * 1000))
        if self.monitor in ready:
            self.take_connection(zmq.utils.monitor.recv_monitor_message(self.monitor))
        if self.socket in ready:
            parts = self.socket.recv_multipart()
            self.frame_at, self.frame_bytes = time.monotonic(), sum(map(len, parts))
            if len(parts) == 1:
                self.take(wire.Envelope.FromString(parts[0]))

    def take_connection(self, happened):
        if happened["event"] == zmq.EVENT_HANDSHAKE_SUCCEEDED:
            # What was still unread of the connection before, such as its Welcome, opens no session on this one.
            self.connected, self.session, self.hello_at = True, None, None
        elif happened["event"] == zmq.EVENT_DISCONNECTED:
            self.connected, self.session = False, None
        elif happened["event"] == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
            raise ShutOut(happened["value"])

    def take(self, envelope):
        body = envelope.WhichOneof("body")  # None: a message that this version does not know
        if body != "welcome" and self.session is not None and envelope.session not in (b"", self.session):
            return  # of a session that is over
        if body == "welcome":
            self.take_welcome(envelope.welcome)
        elif body == "receipt":
            self.take_receipt(envelope.receipt)
        elif body == "refusal":
            self.take_refusal(envelope.refusal)
        elif body == "deliver":
            for delivery in envelope.deliver.deliveries:
                self.deliveries.append((envelope.deliver.mailbox, delivery.seq, event.Event.FromString(delivery.event)))
        elif body == "answer":
            self.answered[envelope.answer.query_message_id] = envelope.answer
        elif body == "known_answer":
            self.take_known(envelope.known_answer)
        elif body == "bye":
            self.session = None
            raise Refused(envelope.bye)

    def wait_answer(self, message_id):
        """{section: [{name: value}]} of a question or command; Refused with its code when it was not done."""
        until = time.monotonic() + WAIT_S
        while message_id not in self.answered:
            self.step(until)
        answer = self.answered.pop(message_id)
        if answer.code != 0:
            raise Refused(answer)
        return {section.name: [{value.name: getattr(value, value.WhichOneof("value")) for value in row.values} for row in section.rows]
                for section in answer.sections}

    def take_welcome(self, welcome):
        if welcome.schema != SCHEMA or welcome.house_oin != self.bundle.house_oin:
            raise Untrusted("a Welcome of another house or schema")
        if welcome.journal_position < self.last_position:
            raise Untrusted(f"the hub is at {welcome.journal_position}, a receipt says {self.last_position}")
        self.session, self.welcome = welcome.session, welcome
        for batch in self.batches.values():
            self.send(message_id=batch.message_id, submit_batch=batch.body)

    def verify_receipt(self, receipt, batch=None):
        """The ReceiptBody, or Untrusted. @batch: None looks it up among those without an answer."""
        verify(self.hub_public, receipt.algorithm, "knooppunt.receipt.v1", receipt.body, receipt.signature)
        body = wire.ReceiptBody.FromString(receipt.body)
        batch = batch or self.batches.get(body.batch_message_id)
        if batch is None or batch.message_id != body.batch_message_id:
            raise Untrusted("a receipt for a batch that was not sent")
        if (body.house_oin, body.partner_oin) != (self.bundle.house_oin, self.partner_oin):
            raise Untrusted("a receipt between others")
        if [line.digest for line in body.signals] != batch.digests:
            raise Untrusted("a receipt for other signals")
        return body

    def take_receipt(self, receipt):
        body = self.verify_receipt(receipt)
        batch = self.batches.pop(body.batch_message_id)
        self.last_position = max([self.last_position] + [line.position for line in body.signals])
        self.answers[body.batch_message_id] = (body, receipt, batch)

    def take_known(self, answer):
        sent = self.checks.pop(answer.check_message_id, None)
        if sent is not None:
            self.known[answer.check_message_id] = Known(answer, self.frame_at - sent, self.frame_bytes)

    def take_refusal(self, refusal):
        self.checks.pop(refusal.refused_message_id, None)
        if self.batches.pop(refusal.refused_message_id, None) is None:
            raise Refused(refusal)
        self.answers[refusal.refused_message_id] = Refused(refusal)

    # Waiting.

    def wait_welcome(self, wait_s=WAIT_S):
        until = time.monotonic() + wait_s
        while self.session is None:
            self.step(until)
        return self.welcome

    def wait_receipt(self, message_id, wait_s=WAIT_S):
        """(ReceiptBody, Receipt, Batch) of this batch; raises Refused."""
        until = time.monotonic() + wait_s
        while message_id not in self.answers:
            self.step(until)
        answer = self.answers.pop(message_id)
        if isinstance(answer, Refused):
            raise answer
        return answer

    def wait_known(self, message_id, wait_s=WAIT_S):
        """What this check was answered: Known; raises Refused."""
        until = time.monotonic() + wait_s
        while message_id not in self.known:
            self.step(until)
        return self.known.pop(message_id)

    def wait_event(self, wait_s=WAIT_S):
        """(mailbox, seq, Event) of the next delivery. Give credit first."""
        until = time.monotonic() + wait_s
        while not self.deliveries:
            self.step(until)
        return self.deliveries.popleft()

    def wait_acked(self, mailbox, seq, wait_s=WAIT_S):
        """The Welcome of a new session in which the cursor has arrived at @seq. An acknowledgement is
        journalled like everything else, so it can take a moment."""
        until = time.monotonic() + wait_s
        while True:
            self.say_hello()
            welcome = self.wait_welcome(until - time.monotonic())
            if any(state.mailbox == mailbox and state.acked_seq >= seq for state in welcome.mailboxes):
                return welcome
            self.poller.poll(100)


def altered(receipt):
    """The receipt with one bit changed: in the first, a middle and the last byte of body and signature."""
    for name in ("body", "signature"):
        content = getattr(receipt, name)
        for at in (0, len(content) // 2, len(content) - 1):
            other = wire.Receipt.FromString(receipt.SerializeToString())
            setattr(other, name, content[:at] + bytes([content[at] ^ 1]) + content[at + 1:])
            yield other


# --- commands ----------------------------------------------------------------------------------

def as_dict(message):
    return json_format.MessageToDict(message, preserving_proto_field_name=True)


def say(**values):
    print(json.dumps(values, ensure_ascii=False), flush=True)


def read_signals(path):
    with sys.stdin if path == "-" else open(path, encoding="utf-8") as lines:
        return [json_format.Parse(line, signal.Signal()) for line in lines if line.strip()]


def connect(options):
    keys = Keys(options.dir)
    bundle = open_bundle(pathlib.Path(options.bundle).read_bytes(), options.anchors)
    return Client(keys, bundle, endpoint=options.endpoint)


def run_keys(options):
    Keys(options.dir).make(options.counterpart, options.serial, options.algorithm)
    say(made=options.dir)


def run_certify(options):
    Keys(options.dir).certify(options.ca, options.ca_key)
    say(certified=options.dir)


def run_request(options):
    kind = identity.CounterpartKind.Value("COUNTERPART_KIND_" + options.kind.upper())
    request = Keys(options.dir).enrol_request(options.counterpart, options.house_oin, kind)
    pathlib.Path(options.out).write_bytes(request)
    say(request=options.out, sha256=hashlib.sha256(request).hexdigest())


def run_bundle(options):
    say(bundle=as_dict(open_bundle(pathlib.Path(options.bundle).read_bytes(), options.anchors)))


def run_submit(options):
    with connect(options) as client:
        client.wait_welcome(options.wait)
        body, _, _ = client.wait_receipt(client.submit(read_signals(options.signals)), options.wait)
        say(receipt=as_dict(body))


def receive(client, options):
    mailbox = options.mailbox or client.bundle.counterpart
    seq = 0
    client.credit(mailbox, options.count)
    for _ in range(options.count):
        box, seq, content = client.wait_event(options.wait)
        say(mailbox=box, seq=seq, event=as_dict(content))
        if not options.no_ack:
            client.ack(box, seq)
    if not options.no_ack:
        say(mailboxes=[as_dict(state) for state in client.wait_acked(mailbox, seq, options.wait).mailboxes])


def run_receive(options):
    with connect(options) as client:
        client.wait_welcome(options.wait)
        receive(client, options)


def run_story(options):
    with connect(options) as client:
        say(welcome=as_dict(client.wait_welcome(options.wait)))
        message_id = client.submit(read_signals(options.signals))
        body, receipt, batch = client.wait_receipt(message_id, options.wait)
        say(receipt=as_dict(body))
        for other in altered(receipt):
            try:
                client.verify_receipt(other, batch)
            except Untrusted:
                continue
            raise Untrusted("an altered receipt was taken for a good one")
        say(altered_receipts="all refused")
        receive(client, options)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name, run, *names):
        made = commands.add_parser(name)
        made.set_defaults(run=run)
        made.add_argument("--dir", required=True)
        for one in names:
            made.add_argument(f"--{one}", required=True)
        return made

    command("keys", run_keys, "counterpart", "serial").add_argument(
        "--algorithm", choices=sorted(NEW_KEY), default="ed25519")
    command("certify", run_certify, "ca", "ca-key")
    command("request", run_request, "counterpart", "house-oin", "out").add_argument(
        "--kind", choices=("partner", "user"), default="partner")
    command("bundle", run_bundle, "bundle", "anchors")
    for name, run in (("submit", run_submit), ("receive", run_receive), ("story", run_story)):
        made = command(name, run, "bundle", "anchors")
        made.add_argument("--endpoint", help="instead of the bundle's")
        made.add_argument("--wait", type=float, default=WAIT_S, help="seconds to wait for an answer")
        if name != "receive":
            made.add_argument("--signals", required=True, help="one Signal in JSON on each line; - is stdin")
        if name != "submit":
            made.add_argument("--mailbox", help="default: the counterpart's own")
            made.add_argument("--count", type=int, default=1)
            made.add_argument("--no-ack", action="store_true")
    return parser.parse_args()


def main():
    options = parse_arguments()
    try:
        options.run(options)
    except Refused as refused:
        say(refused=refused.code, text=str(refused))
        return 1
    except ShutOut as shut_out:
        say(shut_out=shut_out.status)
        return 1
    except Untrusted as untrusted:
        say(untrusted=str(untrusted))
        return 1
    except NoAnswer as no_answer:
        say(no_answer=str(no_answer))
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
