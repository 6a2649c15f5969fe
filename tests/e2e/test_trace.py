#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""`knooppunt trace`: by its position, or as its partner names it, also while it is held; and what is not there is named, with where to
look for what never came.
"""
import kit


class Trace(kit.Test):
    PARTNERS = ("politie",)

    def trace(self, *words, expect=0):
        return self.house.ask("trace", *words, expect=expect)

    def test_a_signal_is_found_or_said_not_to_be(self):
        unusable = kit.report("PL-2", 2)
        unusable.themes.append("onbekend")
        with self.session("politie") as one:
            first, held = [line.position for line in self.submit(one, kit.report("PL-1", 1), unusable).signals]
            self.outcomes(one)
        for reference, position in (("PL-1", first), ("PL-2", held)):
            told = self.trace("politie", reference)["signal"]
            self.assertEqual([row["position"] for row in told], [position])
            self.assertEqual(told, self.trace(position)["signal"])
        for words, text in ((("politie", "PL-3"), 'no signal of politie with the reference "PL-3" (give it as he does); one that his '
                                                  "adapter held never came here: his FILE.result.csv tells"),
                            (("politei", "PL-1"), '"politei" is no partner of this house'),
                            ((999999,), "no signal has position 999999")):
            told = self.trace(*words, expect=1)
            self.assertEqual(told["name"], "NOT_FOUND")
            self.assertIn(text, told["text"])

    def test_the_held_of_nobody_are_not_none(self):
        told = self.house.ask("held", "list", "politei", expect=1)
        self.assertEqual(told["name"], "NOT_FOUND")
        self.assertIn('names no partner "politei"', told["text"])


if __name__ == "__main__":
    kit.main()
