#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""An answer to a check whether a person is known tells nothing by its size or its time: 1,000 checks of each kind, in
random order, and the best threshold that there is between any two kinds is hardly better than a coin.

check: alone
"""
import collections
import contextlib
import random
import statistics
import time

import kit
from kit import client, known, signal

LIAISON, BASIS, RADICAL = (known.REQUESTER_TYPE_LIAISON, known.CHECK_REASON_BASISTAKEN_ZVH,
                           known.CHECK_REASON_RADICALISERING)
CHECKS = 1000
APART_S = 0.004  # between two checks: the hub is busy, and never behind
IN_FLIGHT = 24
MEDIANS_DIFFER = 0.05
BEST_GUESS = 0.55


def best_guess(one, other):
    """How often the best threshold, set with hindsight, is right about which of the two a value is from. By chance
    alone it is right in 53 % of 2 x 1,000 values, and in 55 % once in ten thousand times."""
    values = sorted([(value, len(other)) for value in one] + [(value, -len(one)) for value in other])
    ahead = best = 0
    for at, (value, weight) in enumerate(values):
        ahead += weight
        if at + 1 == len(values) or values[at + 1][0] != value:
            best = max(best, abs(ahead))
    return 0.5 + best / (2 * len(one) * len(other))


class Time(kit.Test):
    PARTNERS = ("politie", "om", "jeugdzorg")
    PARTNER_SETTINGS = {"politie": {"checks_max": 100000}}

    def test_the_classifier_sees_what_leaks(self):
        chance = random.Random(1)
        even = [chance.gauss(0.1, 0.01) for _ in range(2 * CHECKS)]
        self.assertLess(best_guess(even[::2], even[1::2]), BEST_GUESS)
        self.assertEqual(best_guess([8300] * 9, [8300] * 9), 0.5)
        self.assertEqual(best_guess([8300] * 9, [8310] * 9), 1)
        self.assertGreater(best_guess(even[::2], [1.1 * value for value in even[1::2]]), 0.6)

    def people(self):
        """Somebody of each kind: (person, reason). Each time another, but for those whom the house knows."""
        def person(number):
            return signal.PersonMention(bsn=kit.bsn(number), given_names="Test", surname=f"Verzonnen{number}",
                                        birth_date=signal.Date(year=1980, month=2, day=3))
        someone = signal.PersonMention(given_names="Aaldrik", surname="Zwiggelaar",
                                       birth_date=signal.Date(year=1971, month=5, day=17))
        doubtful = signal.PersonMention(given_names="Aaldrik", surname="Zwiggelaar", birth_date=signal.Date(year=1971))
        for partner, reference, one in (("om", "hit", person(1)), ("jeugdzorg", "never", person(2)), ("om", "like", someone)):
            told = kit.report(reference)
            told.persons.add().CopyFrom(one)
            told.persons[0].role = signal.CASUS_ROLE_PLEGER
            with self.session(partner) as session:
                self.submit(session, *[self.numbered(told, n) for n in range(20)])
        self.wait_applied()
        return {"hit": lambda n: (person(1), BASIS), "unknown": lambda n: (person(100 + n), BASIS),
                "forbidden": lambda n: (person(2), BASIS), "doubt": lambda n: (doubtful, BASIS),
                "unentitled": lambda n: (person(1), RADICAL)}

    @staticmethod
    def numbered(told, number):
        made = signal.Signal()
        made.CopyFrom(told)
        made.reference += f"-{number}"
        return made

    def ask(self, session, todo):
        """[(kind, Known)]; @todo: (kind, person, reason) in the order in which they are asked."""
        asked, found, next_at = {}, [], time.monotonic()
        todo = list(reversed(todo))
        while todo or asked:
            now = time.monotonic()
            if todo and now >= next_at and len(asked) < IN_FLIGHT:
                kind, one, reason = todo.pop()
                asked[session.check(LIAISON, reason, one)] = kind
                next_at = max(next_at + APART_S, now)
            until = next_at if todo and len(asked) < IN_FLIGHT else now + 30
            with contextlib.suppress(client.NoAnswer):
                session.step(until)
            for message_id in list(session.known):
                found.append((asked.pop(message_id), session.known.pop(message_id)))
            self.assertLess(time.monotonic() - now, 30, "no answer came")
        return found

    def audited(self):
        """How many checks there were of each outcome, a thousand of them an answer."""
        outcomes, after = collections.Counter(), 0
        while rows := self.house.ask("known-check", "list", after)["checks"]:
            outcomes.update(row["outcome"] for row in rows)
            after = rows[-1]["position"]
        return outcomes

    def test_neither_bytes_nor_time_tell(self):
        kinds = self.people()
        chance = random.Random(20081)
        todo = []
        for n in range(CHECKS):
            todo += chance.sample([(kind, *make(n)) for kind, make in kinds.items()], len(kinds))
        with self.session("politie") as session:
            self.ask(session, todo[:50])  # what is done for the first time is done
            found = self.ask(session, todo)
        seconds = {kind: [one.seconds for is_kind, one in found if is_kind == kind] for kind in kinds}
        size = {kind: [one.frame_bytes for is_kind, one in found if is_kind == kind] for kind in kinds}
        self.assertEqual(self.audited(), {outcome: CHECKS + 10 for outcome in (
            "HIT", "UNKNOWN", "FORBIDDEN", "DOUBT", "NOT_ENTITLED")})
        self.assertEqual({kind: sum(one.answer.known for is_kind, one in found if is_kind == kind) for kind in kinds},
                         {kind: CHECKS if kind == "hit" else 0 for kind in kinds})
        medians = {kind: statistics.median(values) for kind, values in seconds.items()}
        print({kind: round(1000 * median, 3) for kind, median in medians.items()})
        self.assertLess(max(medians.values()) / min(medians.values()) - 1, MEDIANS_DIFFER, medians)
        names = sorted(kinds)
        guesses = {(a, b): (best_guess(size[a], size[b]), best_guess(seconds[a], seconds[b]))
                   for a in names for b in names if a < b}
        print({pair: round(guess[1], 3) for pair, guess in guesses.items()})
        self.assertEqual({guess[0] for guess in guesses.values()}, {0.5}, "told by the bytes")
        self.assertLess(max(guess[1] for guess in guesses.values()), BEST_GUESS, guesses)
        slower = [1.1 * value for value in seconds["unknown"]]
        self.assertGreater(best_guess(seconds["forbidden"], slower), BEST_GUESS, "a tenth slower would not be seen here")

    def tearDown(self):
        self.check_hub_is_well()


if __name__ == "__main__":
    kit.main()
