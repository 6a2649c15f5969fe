#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""Prints the worked example of proto/README.md: one signal, its batch and its receipt, and a check, with real bytes.

The keys are made from fixed seeds, so that the same bytes come out each time. They are known to the
whole world: never use them for anything else.
"""
import hashlib
import pathlib
import subprocess
import tempfile

import generate

HOUSE_OIN = "00000009990000000000"
PARTNER_OIN = "00000009990000000001"
KNOWN_ANSWER_BYTES = 8192
PARTNER_SEED = bytes(range(1, 33))
HUB_SEED = bytes(range(101, 133))
# RFC 8410: an Ed25519 private key in PKCS #8, and a public key, are these bytes and 32 more.
PRIVATE_HEAD = bytes.fromhex("302e020100300506032b657004220420")
PUBLIC_HEAD_SIZE = 12


def openssl(*arguments, give=b""):
    return subprocess.run(["openssl", *arguments], input=give, stdout=subprocess.PIPE, check=True).stdout


def public_key(seed):
    der = openssl("pkey", "-inform", "DER", "-pubout", "-outform", "DER", give=PRIVATE_HEAD + seed)
    return der[PUBLIC_HEAD_SIZE:]


def sign(seed, message):
    with tempfile.TemporaryDirectory() as directory:
        key = pathlib.Path(directory, "key")
        text = pathlib.Path(directory, "text")
        key.write_bytes(PRIVATE_HEAD + seed)
        text.write_bytes(message)
        return openssl("pkeyutl", "-sign", "-rawin", "-keyform", "DER", "-inkey", str(key), "-in", str(text))


def show(name, value):
    text = value.hex()
    lines = [text[i:i + 96] for i in range(0, len(text), 96)]
    print(f"{name:<18}" + ("\n" + " " * 18).join(lines))


def main():
    with tempfile.TemporaryDirectory() as directory:
        env, _, ident, known, pb = generate.load_messages(directory)
        signal = pb.Signal(
            reference="W-77", version=1, action=pb.SIGNAL_ACTION_REPORT, kind=pb.SIGNAL_KIND_OVERLAST,
            incident_date=pb.Date(year=2026, month=11, day=3), area_code="GM0999",
            persons=[pb.PersonMention(role=pb.CASUS_ROLE_PLEGER, bsn="900000004", surname="Jansen")]).SerializeToString()
        salt = generate.counting_bytes(32)
        digest = hashlib.sha256(salt + signal).digest()
        signed = (b"knooppunt.batch.v1\0" + HOUSE_OIN.encode() + PARTNER_OIN.encode() + (1).to_bytes(4, "big") + digest)
        signature = sign(PARTNER_SEED, signed)
        certificate_digest = hashlib.sha256(b"the DER of the certificate of the example").digest()
        frame = env.Envelope(
            schema=1, message_id=generate.MESSAGE_ID, session=generate.SESSION,
            submit_batch=env.SubmitBatch(
                signals=[env.SignedSignal(salt=salt, signal=signal)], certificate_digest=certificate_digest,
                algorithm=ident.SIGNATURE_ALGORITHM_ED25519, signature=signature)).SerializeToString()
        body = env.ReceiptBody(
            house_oin=HOUSE_OIN, partner_oin=PARTNER_OIN, batch_message_id=generate.MESSAGE_ID,
            journalled_at_ms=generate.STAMP_MS,
            signals=[env.SignalReceipt(position=41, digest=digest)]).SerializeToString()
        receipt_signature = sign(HUB_SEED, b"knooppunt.receipt.v1\0" + body)
        receipt_frame = env.Envelope(
            schema=1, message_id=generate.uuid7(0x30), session=generate.SESSION,
            receipt=env.Receipt(body=body, algorithm=ident.SIGNATURE_ALGORITHM_ED25519,
                                signature=receipt_signature)).SerializeToString()
        check_frame = env.Envelope(
            schema=1, message_id=generate.uuid7(0x50), session=generate.SESSION,
            known_check=known.KnownCheck(
                requester_type=known.REQUESTER_TYPE_LIAISON, reason=known.CHECK_REASON_BASISTAKEN_ZVH,
                person=pb.PersonMention(bsn="900000004", surname="Jansen"))).SerializeToString()
        answer = known.KnownAnswer(
            check_message_id=generate.uuid7(0x50), code=0, known=True,
            contacts=[known.Contact(partner="Politie", text="infodesk@politie.example")])
        answer.padding = bytes(KNOWN_ANSWER_BYTES - answer.ByteSize() - 3)
        answer_start = answer.SerializeToString().rstrip(b"\0")
    for name, value in (("partner-public", public_key(PARTNER_SEED)), ("hub-public", public_key(HUB_SEED)),
                        ("signal", signal), ("salt", salt), ("digest", digest), ("signed", signed),
                        ("signature", signature), ("batch-frame", frame), ("receipt-body", body),
                        ("receipt-signature", receipt_signature), ("receipt-frame", receipt_frame),
                        ("check-frame", check_frame), ("answer-start", answer_start)):
        show(name, value)


if __name__ == "__main__":
    main()
