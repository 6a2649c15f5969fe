/* SPDX-License-Identifier: EUPL-1.2 */
#include "core/match/alias.h"

/* Each line one name; normalised, so "ij" stands as "y" and "ck" as "k". */
static const char *const lines[] = {
    " mohamed mohammed mohamad mohammad muhammad muhammed muhamed mohamet mohammet mohand mo ",
    " ahmed ahmad achmed ahmet hamed ",
    " youssef yusuf yousef yousuf joesoef youcef jusuf ",
    " hassan hasan hasane ",
    " hussein hussain husein huseyin housain hocine houssine ",
    " fatima fatma fatna fatiha ",
    " omar omer umar oemar ",
    " ibrahim ebrahim brahim ibrahima ",
    " khalid halid chalid ",
    " abdullah abdallah abdoellah ",
    " abdelkader abdulkader abdulkadir ",
    " rachid rashid rasid ",
    " aicha aisha ayse aischa ",
    " khadija hatice hadija chadiza ",
    " said sayed saeed sait ",
    " karim kareem kerim ",
    " jamal djamal cemal gamal ",
    " mustafa mostafa moustafa mustapha ",
    " soufiane sofian sofyan sufyan ",
    " jan johannes johan hans jannes johnny ",
    " piet pieter petrus peter ",
    " kees cornelis cor cees korneel ",
    " wim willem wilhelmus wil ",
    " henk hendrik hendrikus henrik ",
    " gerrit gerardus gerard gert ger ",
    " bert albert albertus lambert lambertus bertus ",
    " theo theodorus theodoor ",
    " toon antonius anton antoon ton tonny anthony ",
    " koos jacobus jacob jaap ko ",
    " klaas nicolaas niklaas nico klaes ",
    " sjaak jaques jak jaak ",
    " frans franciscus francois ",
    " jos josephus jozef joseph sjef jef ",
    " mart martinus martin maarten ",
    " leo leonardus leon leendert ",
    " rob robert robertus ",
    " ed eduard edward ",
    " marie maria mia marieke ria maryke ",
    " an anna anneke annie annemarie ans anke ",
    " riet margaretha margriet greet gretha greetje ",
    " els elisabeth elizabeth betty bep lies ",
    " truus geertruida geertruda trudy ",
    " ankie johanna jo joke hanna hanneke annie ",
    " miep wilhelmina mina willemien mien ",
    " corrie cornelia cora corry ",
    " nel petronella nelly nellie ",
    " katrien catharina trien tineke catherine kaatje ",
    " krzysztof krystof christof christoffel ",
    " katarzyna kasia katarina ",
    " agnieszka agnes aga ",
    " malgorzata gosia margaret ",
    " piotr pjotr ",
    " pawel pavel paul paulus ",
    " michal michael michiel micha ",
    " tomasz tomas thomas tom ",
    " aleksander alexander alex sander aleksandr ",
    " elzbieta ela ",
    " andrzey andrey andreas andre andries ",
};

static bool word_is_in(const char *line, struct kp_slice word)
{
    const char *at = line + 1;
    while (*at != '\0') {
        size_t size = 0;
        while (at[size] != ' ') {
            size++;
        }
        if (kp_slice_equal(kp_slice_of(at, size), word)) {
            return true;
        }
        at += size + 1;
    }
    return false;
}

bool kp_names_are_aliases(struct kp_slice a, struct kp_slice b)
{
    for (uint32_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        if (word_is_in(lines[i], a) && word_is_in(lines[i], b)) {
            return true;
        }
    }
    return false;
}
