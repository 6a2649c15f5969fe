# SPDX-License-Identifier: EUPL-1.2
"""Load on a hub that dies: senders and receivers that come back by themselves, and write down what they saw (checker.py judges it).

A publisher keeps each batch until it has its receipt and sends it again, the same to the byte, in every new session. It also sends
some batches again of its own accord. What a sender may not do, such as dropping what was refused for now, is not done here either.
"""
import contextlib
import hashlib
import pathlib
import random
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
import checker  # noqa: E402
import kit  # noqa: E402
import zmq  # noqa: E402
from kit import client, event, signal  # noqa: E402

TRANSIENT = (kit.LATER, kit.SESSION, kit.UNEXPECTED)
CREDIT = 64
KINDS = (signal.SIGNAL_KIND_PROCES_VERBAAL, signal.SIGNAL_KIND_HUISELIJK_GEWELD, signal.SIGNAL_KIND_KINDERMISHANDELING)
PERSONS = 40  # few, so that signals meet and the ketenmanager is told


def end_of(seconds):
    return time.monotonic() + seconds


class Peer(client.Client):
    """A client that outlives its hub: nothing that cannot be sent now is waited for; the next Welcome makes it good."""

    def __init__(self, known, history):
        super().__init__(*known)
        self.history = history
        self.name = self.bundle.counterpart
        self.receives = True
        self.out_of_credit = 0
        self.kept = {}  # batches that the hub did not take now: sent again in the next session

    def send_frame(self, frame):
        with contextlib.suppress(zmq.Again):
            self.socket.send(frame, zmq.NOBLOCK)

    def take_connection(self, happened):
        """One socket for one connection, as the adapters have it: on the one after, libzmq 4.3.4 (assertion !_io_error) ends the
        process when the hub dies before this thread has come to let go of the first."""
        super().take_connection(happened)
        if happened["event"] == zmq.EVENT_DISCONNECTED:
            self.close_socket()
            self.open_socket()

    def step(self, until):
        """In turn: what lies ready of the connection and of its end, of a socket that may be another one afterwards."""
        now = time.monotonic()
        if now >= until:
            raise client.NoAnswer("nothing came in time")
        if self.connected and self.session is None and (self.hello_at is None or now - self.hello_at > 5):
            self.say_hello()
        ready = dict(self.poller.poll(min(until - now, 1) * 1000))
        if self.socket in ready:
            self.take(client.wire.Envelope.FromString(self.socket.recv()))
        elif self.monitor in ready:
            self.take_connection(client.zmq.utils.monitor.recv_monitor_message(self.monitor))

    def take_welcome(self, welcome):
        self.batches.update(self.kept)
        self.kept.clear()
        # Written down first: what comes after it belongs to this session.
        for box in welcome.mailboxes:
            if self.receives:
                self.history.add("session", mailbox=box.mailbox, acked=box.acked_seq)
        super().take_welcome(welcome)
        if self.receives:
            self.out_of_credit = CREDIT
            self.credit(self.name, CREDIT)

    def take_receipt(self, receipt):
        """Written down as the hub said it; the checker compares the digests too."""
        super().take_receipt(receipt)
        body, _, batch = self.answers.pop(max(self.answers, key=list(self.answers).index))
        self.history.add("receipted", partner=self.name, batch=batch.message_id.hex(),
                         lines=[[line.position, line.digest.hex()] for line in body.signals])

    def take_refusal(self, refusal):
        batch = self.batches.pop(refusal.refused_message_id, None)
        if refusal.code in TRANSIENT:
            if batch is not None:
                self.kept[batch.message_id] = batch
            self.session, self.hello_at = None, time.monotonic() - 4.9  # ask for a new session, a moment from now
        elif batch is not None:
            self.history.add("refused", partner=self.name, batch=batch.message_id.hex(), code=refusal.code)
            self.history.refused.append((self.name, refusal.code, refusal.text))
        else:
            raise client.Refused(refusal)

    def take(self, envelope):
        body = envelope.WhichOneof("body")
        if body == "bye":
            self.session, self.hello_at = None, time.monotonic() - 4.9
        elif body == "deliver" and envelope.session == self.session:
            for delivery in envelope.deliver.deliveries:
                self.take_delivery(envelope.deliver.mailbox, delivery)
        else:
            super().take(envelope)

    def take_delivery(self, mailbox, delivery):
        content = event.Event.FromString(delivery.event)
        lines = [[line.position, line.reference, line.version,
                  event.OutcomeKind.Name(line.kind).removeprefix("OUTCOME_KIND_"), line.first_position]
                 for line in content.outcomes.outcomes]
        self.history.add("delivered", mailbox=mailbox, seq=delivery.seq,
                         digest=hashlib.sha256(delivery.event).hexdigest()[:32], lines=lines)
        # Written down before it is sent: the hub may know it and die before we do.
        self.history.add("acked", mailbox=mailbox, seq=delivery.seq)
        self.ack(mailbox, delivery.seq)
        self.out_of_credit -= 1
        if self.out_of_credit <= CREDIT // 2:
            self.credit(mailbox, CREDIT // 2)
            self.out_of_credit += CREDIT // 2

    def offer(self, signals):
        """A batch that is kept until it has its receipt."""
        batch = client.Batch(self.keys, self.bundle.house_oin, self.partner_oin, signals)
        self.history.add("submitted", partner=self.name, batch=batch.message_id.hex(),
                         signals=[[one.reference, one.version, digest.hex()] for one, digest in zip(signals, batch.digests)])
        self.batches[batch.message_id] = batch
        if self.session is not None:
            self.send(message_id=batch.message_id, submit_batch=batch.body)
        return batch

    def turn(self, seconds=0.2):
        with contextlib.suppress(client.NoAnswer):
            self.step(end_of(seconds))


class Actor(threading.Thread):
    """One counterpart in a thread of its own, until it is told to stop. Its exception is raised in join_well()."""

    def __init__(self, known, history, seed, publishes=True, receives=True):
        super().__init__(daemon=True)
        self.known, self.history, self.publishes, self.receives = known, history, publishes, receives
        self.random = random.Random(f"{seed} {known[1].counterpart}")
        self.stopping = threading.Event()
        self.failure = None
        self.number = 0
        self.receipted = []  # signals whose receipt came: repeats and next versions are of these
        self.pending = {}
        self.peer = None

    def run(self):
        try:
            with Peer(self.known, self.history) as peer:
                self.peer = peer
                peer.receives = self.receives
                while not self.stopping.is_set():
                    if self.publishes and len(peer.batches) + len(peer.kept) < 3 and peer.session is not None:
                        self.publish(peer)
                    peer.turn(0.02 if self.publishes else 0.2)
                    self.note_receipted(peer)
                end = end_of(60)
                while (peer.batches or peer.kept) and time.monotonic() < end:
                    peer.turn()
                if peer.batches or peer.kept:
                    raise AssertionError(f"{peer.name}: {len(peer.batches)} batches never got their receipt")
        except Exception as failure:  # pylint: disable=broad-exception-caught
            self.failure = failure

    def note_receipted(self, peer):
        for message_id in [one for one in self.pending if one not in peer.batches and one not in peer.kept]:
            self.receipted += self.pending.pop(message_id)

    def publish(self, peer):
        draw = self.random.random()
        if self.receipted and draw < 0.15:    # again, of its own accord and in a new batch
            signals = [self.random.choice(self.receipted)]
        elif self.receipted and draw < 0.3:   # the next version of one whose receipt is there
            last = self.receipted[self.random.randrange(len(self.receipted))]
            last = max((one for one in self.receipted if one.reference == last.reference), key=lambda one: one.version)
            signals = [self.make(last.reference, last.version + 1)]
            self.receipted = [one for one in self.receipted if one.reference != last.reference]
        else:
            signals = []
            for _ in range(self.random.randint(1, 5)):
                self.number += 1
                signals.append(self.make(f"{peer.name}-{self.number}", 1))
        self.pending[peer.offer(signals).message_id] = signals

    def make(self, reference, version):
        """The content follows from its name, so that another's content would be seen."""
        mixed = hashlib.sha256(f"{reference} {version}".encode()).digest()
        return kit.report(reference, mixed[0] % PERSONS, version=version, kind=KINDS[mixed[1] % len(KINDS)])

    def join_well(self, seconds=90):
        self.stopping.set()
        self.join(seconds)
        if self.is_alive():
            raise AssertionError(f"{self.known[1].counterpart} did not come to its end")
        if self.failure is not None:
            raise self.failure


class Test(kit.Test):
    """A house whose hub dies, with its history and the actors on it."""

    PARTNERS = ("politie", "om", "reclassering", "jeugdzorg")
    USERS = ("ketenmanager", "liaison-jeugdzorg")
    ABSENT = ("jeugdzorg", "liaison-jeugdzorg")  # they take nothing until the end; jeugdzorg does send

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.history = checker.History(cls.house.dir / "history.jsonl")
        cls.addClassCleanup(cls.history.close)

    def start_load(self, seed):
        self.actors = [Actor(self.known[name], self.history, seed, publishes=name in self.PARTNERS,
                             receives=name not in self.ABSENT)
                       for name in (*self.PARTNERS, *self.USERS) if name in self.PARTNERS or name not in self.ABSENT]
        for actor in self.actors:
            actor.start()

    def seen(self):
        return self.history.count["receipted"] + self.history.count["delivered"]

    def wait_seen(self, more, seconds=60, until=lambda: False):
        """Until so many more receipts and deliveries were seen, or @until; an actor's failure ends it."""
        want = self.seen() + more
        end = end_of(seconds)
        with self.history.changed:
            while self.seen() < want and not until():
                for actor in self.actors:
                    if actor.failure is not None:
                        raise actor.failure
                if time.monotonic() > end:
                    self.fail(f"{want - self.seen()} of {more} receipts and deliveries did not come within {seconds} s: "
                              f"{self.hub.lines[-5:]}")
                self.history.changed.wait(0.1)

    def kill_hub(self):
        self.hub.kill()
        self.hub.child.wait()

    def restart(self, env=None, wait=True):
        self.hub.reader.join(5)
        self.hub.child.stderr.close()
        self.hub.log.close()
        self.house.processes.remove(self.hub)
        type(self).hub = self.house.start_hub(env=env, wait=wait)

    def finish(self):
        """Everybody takes what is there, also who was absent; then the checker judges, and the store is looked through."""
        for actor in self.actors:
            actor.join_well()
        self.wait_applied()
        for name in (*self.PARTNERS, *self.USERS):
            self.take_all(name)
        found, figures = checker.check(self.history.path)
        self.assertEqual(found, [], f"{figures} refused: {self.history.refused}")
        rows = self.house.ask("store", "verify")["verify"][0]
        self.assertGreater(rows["rows"], 0)
        self.assertEqual([rows["bad_rows"], rows["lost_keys"], rows["bad_tables"]], [0, 0, 0], rows)
        return figures

    def take_all(self, name):
        with Peer(self.known[name], self.history) as peer:
            peer.wait_welcome()
            last = peer.welcome.mailboxes[0].last_seq
            end = end_of(60)
            before = None
            while before != last:
                peer.say_hello()
                box = peer.wait_welcome().mailboxes[0]
                before = box.acked_seq
                last = box.last_seq
                until = end_of(2)
                while before != last and time.monotonic() < until and peer.socket.poll(500):
                    peer.turn()
                self.assertLess(time.monotonic(), end, f"{name}: at {before} of {last}")
            self.history.add("complete", mailbox=name, last=last)
