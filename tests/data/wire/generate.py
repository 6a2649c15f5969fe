#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""Test vectors of the wire, made by another encoder than ours (Python's protobuf).

Writes one file `Message.name.hex` for each message below, beside this script; with --check it writes
nothing and fails when a file differs. Persons are invented; BSNs are of the 9-series.
"""
import importlib
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
PROTO = HERE.parents[2] / "proto"


def load_messages(directory):
    files = sorted(str(path) for path in PROTO.glob("knooppunt/v1/*.proto"))
    subprocess.run(["protoc", f"--proto_path={PROTO}", f"--python_out={directory}", *files], check=True)
    sys.path.insert(0, directory)
    return [importlib.import_module(f"knooppunt.v1.{name}_pb2")
            for name in ("envelope", "event", "identity", "known", "signal")]


def counting_bytes(size, first=1):
    return bytes((first + i) % 256 for i in range(size))


SESSION = counting_bytes(16, 0xA0)
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
STAMP_MS = 1795500000123


def uuid7(first):
    tail = counting_bytes(10, first)
    return (STAMP_MS.to_bytes(6, "big") + bytes([0x70 | tail[0] & 0x0F, tail[1], 0x80 | tail[2] & 0x3F]) + tail[3:])


MESSAGE_ID = uuid7(0x10)


def signals(pb):
    person = pb.PersonMention(
        role=pb.CASUS_ROLE_PLEGER, bsn="900000004", v_nummer="0012345678", given_names="Renée Zoë",
        initials="R.Z.", prefix="van der", surname="Wölfsma-Ĳsbrand", partner_prefix="de",
        partner_surname="Çelik", name_usage=pb.NAME_USAGE_PARTNER_EIGEN,
        birth_date=pb.Date(year=1987, month=2, day=28), birth_place="'s-Gravenhage",
        gender=pb.GENDER_VROUW,
        address=pb.Address(street="Kerkstraat", house_number=12, house_number_addition="a-hs",
                           postcode="1234AB", place="Voorbeeldstad", country="NL"))
    year_only = pb.PersonMention(role=pb.CASUS_ROLE_SLACHTOFFER, surname="Jansen", initials="P",
                                 birth_date=pb.Date(year=2009), gender=pb.GENDER_ONBEKEND)
    yield "full", pb.Signal(
        reference="PL1300-2026-000123", version=3, action=pb.SIGNAL_ACTION_REPORT,
        kind=pb.SIGNAL_KIND_HUISELIJK_GEWELD, incident_date=pb.Date(year=2026, month=11, day=3),
        registered_at_ms=STAMP_MS, area_code="BU09990101",
        place=pb.Address(street="Marktplein", house_number=1, place="Voorbeeldstad"),
        themes=["huiselijk-geweld", "veelplegers"],
        leefgebieden=[pb.LEEFGEBIED_RELATIES, pb.LEEFGEBIED_HUISVESTING], severity=4,
        source_class=pb.SOURCE_CLASS_WPG, source_system="BPS",
        summary="Ruzie in de woning; 3 getuigen. € 200 schade 🚪", request="Casusoverleg",
        feedback_requested=True,
        answers=[pb.QuestionAnswer(question="Wapens in huis?", answer="Nee"),
                 pb.QuestionAnswer(question="Kinderen?", answer="")],
        persons=[person, year_only])
    yield "typical", pb.Signal(
        reference="PL1300-2026-000124", version=1, action=pb.SIGNAL_ACTION_REPORT,
        kind=pb.SIGNAL_KIND_INCIDENT, incident_date=pb.Date(year=2026, month=11, day=3),
        registered_at_ms=STAMP_MS, area_code="WK099901",
        place=pb.Address(street="Stationsweg", house_number=40, postcode="1234CD", place="Voorbeeldstad"),
        themes=["veelplegers"], leefgebieden=[pb.LEEFGEBIED_JUSTITIE_POLITIE], severity=2,
        source_class=pb.SOURCE_CLASS_WPG, source_system="BPS",
        summary="Aangehouden voor winkeldiefstal, in vereniging gepleegd.",
        persons=[pb.PersonMention(
            role=pb.CASUS_ROLE_PLEGER, bsn="900000016", given_names="Johannes Petrus", initials="J.P.",
            prefix="van", surname="Voorbeeldman", birth_date=pb.Date(year=1991, month=7, day=14),
            birth_place="Voorbeeldstad", gender=pb.GENDER_MAN,
            address=pb.Address(street="Lindelaan", house_number=7, postcode="1234EF", place="Voorbeeldstad"))])
    yield "withdraw", pb.Signal(reference="PL1300-2026-000123", version=4, action=pb.SIGNAL_ACTION_WITHDRAW)
    yield "area", pb.Signal(reference="W-77", version=1, action=pb.SIGNAL_ACTION_REPORT,
                            kind=pb.SIGNAL_KIND_OVERLAST, area_code="GM0999")
    yield "empty_values", pb.Signal(reference="", version=0, registered_at_ms=-1, severity=0,
                                    feedback_requested=False, incident_date=pb.Date(),
                                    persons=[pb.PersonMention(), pb.PersonMention(surname="")])
    yield "extremes", pb.Signal(version=2**64 - 1, registered_at_ms=-2**63, severity=2**32 - 1,
                                incident_date=pb.Date(year=2**32 - 1, month=128, day=127))
    yield "nothing", pb.Signal()


def envelopes(env, ident, known, person, signal_bytes):
    def wrap(**body):
        return env.Envelope(schema=1, message_id=MESSAGE_ID, session=SESSION, traceparent=TRACEPARENT, **body)

    yield "hello", env.Envelope(schema=1, message_id=MESSAGE_ID, hello=env.Hello(
        schemas=[1, 2, 300], client="voorbeeld 1.0", counterpart="politie", last_position=2**40))
    yield "hello_empty", env.Envelope(hello=env.Hello())
    yield "welcome", wrap(welcome=env.Welcome(
        schema=1, session=SESSION, house="voorbeeldstad", house_oin="00000009990000000000",
        batch_signals_max=500, frame_bytes_max=1 << 20, batches_in_flight_max=32, credit_max=4096,
        test_mode=True, journal_position=123456789, known_checks_per_day=200,
        mailboxes=[env.MailboxState(mailbox="partner-politie", acked_seq=0, last_seq=17),
                   env.MailboxState(mailbox="tweede")]))
    yield "submit_batch", wrap(submit_batch=env.SubmitBatch(
        signals=[env.SignedSignal(salt=counting_bytes(32), signal=signal_bytes),
                 env.SignedSignal(salt=counting_bytes(32, 99), signal=b"")],
        certificate_digest=counting_bytes(32, 7), algorithm=ident.SIGNATURE_ALGORITHM_ED25519,
        signature=counting_bytes(64, 3)))
    body = env.ReceiptBody(
        house_oin="00000009990000000000", partner_oin="00000009990000000001", batch_message_id=MESSAGE_ID,
        journalled_at_ms=STAMP_MS,
        signals=[env.SignalReceipt(position=41, digest=counting_bytes(32)),
                 env.SignalReceipt(position=42, held_code=63, held_field="incident_date", digest=counting_bytes(32))],
        tree_head=env.TreeHead(size=40, root=counting_bytes(32, 200)))
    yield "receipt", wrap(receipt=env.Receipt(
        body=body.SerializeToString(), algorithm=ident.SIGNATURE_ALGORITHM_ECDSA_P256_SHA256,
        signature=counting_bytes(71)))
    yield "refusal", wrap(refusal=env.Refusal(refused_message_id=MESSAGE_ID, code=24, offset=117, field="summary",
                                              text="byte 117: an unknown field", retry_after_ms=500))
    yield "credit", wrap(credit=env.Credit(mailbox="partner-politie", events=100))
    yield "deliver", wrap(deliver=env.Deliver(mailbox="partner-politie", deliveries=[
        env.Delivery(seq=1, event=b"\x0a\x00"), env.Delivery(seq=2**63)]))
    yield "ack", wrap(ack=env.Ack(mailbox="partner-politie", seq=2**64 - 1))
    yield "query", wrap(query=env.Query(name="trace", arguments=["politie", "", "W-77"], attachment=b"\x00\xff"))
    yield "answer", wrap(answer=env.Answer(
        query_message_id=MESSAGE_ID, code=0, text="", more=True, sections=[
            env.Section(name="doors", rows=[
                env.Row(values=[env.Value(name="door", text="politie"), env.Value(name="lag", number=-3),
                                env.Value(name="live", truth=False), env.Value(name="key", binary=b"\x00\x80"),
                                env.Value(name="absent")]),
                env.Row()]), env.Section()]))
    yield "bye", wrap(bye=env.Bye(code=41, text="de sleutel is ingetrokken"))
    yield "known_check", wrap(known_check=known.KnownCheck(
        requester_type=known.REQUESTER_TYPE_LIAISON, reason=known.CHECK_REASON_BASISTAKEN_ZVH, person=person))
    yield "known_answer", wrap(known_answer=known.KnownAnswer(
        check_message_id=MESSAGE_ID, code=0, known=True, padding=bytes(200), contacts=[
            known.Contact(partner="Openbaar Ministerie", text="zsm@om.example"), known.Contact(partner="")]))
    yield "known_answer_no", wrap(known_answer=known.KnownAnswer(
        check_message_id=MESSAGE_ID, code=19, known=False, padding=bytes(250)))
    decided = env.CommandBody(name="review.accept", arguments=["P-41.1", "P-12.1", "partner"])
    yield "command", wrap(command=env.Command(
        body=decided.SerializeToString(), certificate_digest=counting_bytes(32, 7),
        algorithm=ident.SIGNATURE_ALGORITHM_ED25519, signature=counting_bytes(64, 3)))
    yield "nothing", env.Envelope()


def events(pb, signal):
    def wrap(**body):
        return pb.Event(event_id=MESSAGE_ID, at_ms=STAMP_MS, traceparent=TRACEPARENT, **body)

    yield "outcomes", wrap(outcomes=pb.Outcomes(batch_message_id=MESSAGE_ID, outcomes=[
        pb.SignalOutcome(position=41, reference="W-77", version=1, kind=pb.OUTCOME_KIND_NEW),
        pb.SignalOutcome(position=42, reference="W-77", version=1, kind=pb.OUTCOME_KIND_DUPLICATE, first_position=41),
        pb.SignalOutcome(position=43, kind=pb.OUTCOME_KIND_HELD, code=64, field="persons.bsn")]))
    yield "casus_ready", wrap(casus_ready=pb.CasusReady(
        casus_id="c-9", person_id="p-1312", theme="veelplegers", rule="bekend-bij-twee",
        house_digest=counting_bytes(32), partners=["om", "politie"],
        counted=[pb.CountedSignal(position=41, partner="politie", kind=signal.SIGNAL_KIND_INCIDENT,
                                  role=signal.CASUS_ROLE_PLEGER,
                                  incident_date=signal.Date(year=2026, month=11, day=3))],
        results=[pb.CriterionResult(criterion="meerderjarig", name="18 jaar of ouder", least=18),
                 pb.CriterionResult(criterion="bekend-bij-twee", name="bekend bij twee partners", met=True, value=2, least=2, most=9)],
        not_ripe_if=pb.NotRipeIf(criterion="bekend-bij-twee", amount=-1, lapses_at_ms=STAMP_MS),
        caused_by_position=41))
    yield "casus_lapsed", wrap(casus_lapsed=pb.CasusLapsed(
        casus_id="c-9", person_id="p-1312", theme="veelplegers", reason=pb.LAPSE_REASON_AGED, caused_by_position=99))
    yield "known_elsewhere_ended", wrap(known_elsewhere_ended=pb.KnownElsewhereEnded(reference="PL-1", theme="veelplegers", person=1))
    yield "person_changed", wrap(person_changed=pb.PersonChanged(
        before_person_id="P-41.0", after_person_id="P-12.0", signals=2, before_is_gone=True,
        reason=pb.CHANGE_REASON_DECIDED, caused_by_position=99))
    yield "known_elsewhere", wrap(known_elsewhere=pb.KnownElsewhere(reference="W-77", theme="veelplegers", person=2))
    yield "held_opened", wrap(held_opened=pb.HeldOpened(partner="om", position=7, code=63, field="incident_date"))
    yield "certificate_expiring", wrap(certificate_expiring=pb.CertificateExpiring(
        owner="om", not_after_ms=STAMP_MS, days_left=30))


def identities(pb):
    enrol = pb.EnrolBody(kind=pb.COUNTERPART_KIND_PARTNER, counterpart="politie",
                         house_oin="00000009990000000000", certificate=counting_bytes(300),
                         chain=[counting_bytes(5), b""], curve_public=counting_bytes(32), made_at_ms=STAMP_MS)
    yield "EnrolBody.partner", enrol
    yield "EnrolRequest.partner", pb.EnrolRequest(body=enrol.SerializeToString(),
                                                  algorithm=pb.SIGNATURE_ALGORITHM_RSA_PSS_SHA256,
                                                  signature=counting_bytes(256))
    bundle = pb.BundleBody(house="voorbeeldstad", house_oin="00000009990000000000", counterpart="chris",
                           endpoint="tcp://127.0.0.1:7701", hub_curve_public=counting_bytes(32),
                           hub_certificate=counting_bytes(300), anchors=[counting_bytes(9)], test_mode=True,
                           role="ketenmanager")
    yield "BundleBody.user", bundle
    yield "Bundle.user", pb.Bundle(body=bundle.SerializeToString(),
                                   algorithm=pb.SIGNATURE_ALGORITHM_ED25519, signature=counting_bytes(64))


def person_of(pb, one):
    """Who is in the signal, without what he did."""
    person = pb.PersonMention()
    person.CopyFrom(one.persons[0])
    person.ClearField("role")
    return person


def vectors():
    with tempfile.TemporaryDirectory() as directory:
        env, event, ident, known, signal = load_messages(directory)
        made = dict(signals(signal))
        for name, message in made.items():
            yield f"Signal.{name}", message
        for name, message in envelopes(env, ident, known, person_of(signal, made["typical"]),
                                       made["typical"].SerializeToString()):
            yield f"Envelope.{name}", message
        for name, message in events(event, signal):
            yield f"Event.{name}", message
        yield from identities(ident)


def main():
    check = sys.argv[1:] == ["--check"]
    differing = []
    for name, message in vectors():
        text = message.SerializeToString(deterministic=True).hex()
        lines = "".join(text[i:i + 96] + "\n" for i in range(0, len(text), 96))
        path = HERE / f"{name}.hex"
        if not check:
            path.write_text(lines)
        elif not path.exists() or path.read_text() != lines:
            differing.append(path.name)
    if differing:
        sys.exit("differs from what is checked in: " + " ".join(differing))


if __name__ == "__main__":
    main()
