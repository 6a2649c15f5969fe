/* SPDX-License-Identifier: EUPL-1.2 */
#include "train/family.h"

#define EXPECTED_MIN 5.0 /* pairs: fewer show nothing */

void kp_family_add_pair(struct kp_family *family, bool one_confirmed, bool other_confirmed)
{
    family->pairs++;
    family->either += (one_confirmed ? 1u : 0u) + (other_confirmed ? 1u : 0u);
    family->both += one_confirmed && other_confirmed ? 1 : 0;
}

bool kp_family_are_two(const struct kp_family *family)
{
    if (family->forms == 0 || family->pairs == 0) {
        return true;
    }
    double share = (double)family->confirmed / (double)family->forms;
    double share_of_pairs = (double)family->either / (2.0 * (double)family->pairs);
    share = share > share_of_pairs ? share : share_of_pairs;
    double expected = (double)family->pairs * share * share;
    return expected < EXPECTED_MIN || (double)family->both * 4 >= expected;
}
