# SPDX-License-Identifier: EUPL-1.2
"""An invented registration whose answer is known: persons of several origins, each written down a few times as registrations do it,
with slips. The same seed gives the same rows. No number is anybody's: all begin with 9, a series that is not issued.
"""
import random

HEADER = ["rec_id", "bsn", "voornamen", "voorletters", "voorvoegsel", "geslachtsnaam", "geslachtsnaam_partner", "naamgebruik",
          "geboortedatum", "geslacht", "postcode", "huisnummer", "geboorteplaats"]

# Origin: given names of men, of women, surnames, places. One name written in two ways stands with a bar.
NAMES = {
    "nederlands": (
        "Jan|Johannes Pieter Kees|Cornelis Willem|Wim Hendrik|Henk Sjoerd Thijs Bram Daan Luuk Ruben Stijn Gijs Teun Koen Floris Jelle Wouter Maarten",
        "Anna Maria|Marie Johanna Els|Elisabeth Sanne Lotte Femke Fleur Roos Iris Eva Julia Noor Tess Maud Anouk Marloes Tineke Jolanda Ingrid Saskia",
        "Jansen Vries Bakker Visser Smit Meijer|Meyer Mulder Bos Vos Peters Hendriks Dekker Dijkstra|Dykstra Brouwer Kok Verhoeven Kuiper Veenstra "
        "Wijngaarden Hoogland Terpstra Schouten Zwart|Swart Nijhuis Oosterhuis Ploeg Groen Doorn Kuijpers|Kuypers Verbeek",
        "Utrecht Zwolle Assen Breda Tiel Sneek Goes"),
    "turks": (
        "Mehmet Mustafa Ahmet Ali Hüseyin|Huseyin Hasan İbrahim|Ibrahim Osman Yusuf Murat Ömer|Omer Emre Burak Kemal Serkan Tolga Volkan Çağrı|Cagri Ufuk Onur",
        "Fatma Ayşe|Ayse Emine Hatice Zeynep Elif Meryem Şerife|Serife Zehra Sultan Hanife Merve Esra Özlem|Ozlem Derya Gülşen|Gulsen Yasemin Sevgi Pınar|Pinar Filiz",
        "Yılmaz|Yilmaz Kaya Demir Çelik|Celik Şahin|Sahin Yıldız|Yildiz Yıldırım|Yildirim Öztürk|Ozturk Aydın|Aydin Özdemir|Ozdemir Arslan Doğan|Dogan Kılıç|Kilic "
        "Aslan Çetin|Cetin Kara Koç|Koc Kurt Özkan|Ozkan Şimşek|Simsek Polat Korkmaz Erdoğan|Erdogan Güneş|Gunes Bulut Acar Turan Ünal|Unal Avcı|Avci Tekin",
        "Konya Ankara Kayseri Yozgat Karaman Rotterdam Deventer"),
    "marokkaans": (
        "Mohamed|Mohammed|Muhammad Ahmed Youssef|Yusuf|Youssef Hassan|Hasan Rachid|Rashid Said Karim Omar Khalid Mustapha|Mostafa Brahim Driss Hamza Bilal Anouar "
        "Jamal|Djamal Nabil Tarik Soufiane|Sofian Abdelkader",
        "Fatima Khadija Aïcha|Aicha Naima Samira Latifa Malika Rachida Nadia Hanane Karima Saïda|Saida Zohra Amina Loubna Ikram Sanae Hafida Yamina Meryem",
        "Amrani Idrissi Bennani Alaoui Tahiri Bouzidi Haddad Mansouri Berrada Chaoui Fassi Khattabi Ouali Rahmani Saidi Ziani Azzouzi Benali Boukhari "
        "Cherkaoui Daoudi Filali Ghazi Hamdaoui Jabri Kadiri Lahlou Marzouki Naciri Ouazzani",
        "Nador Oujda Tetouan Berkane Alhoceima Amsterdam Gouda"),
    "pools": (
        "Piotr Paweł|Pawel Michał|Michal Tomasz Krzysztof Łukasz|Lukasz Marcin Jakub Grzegorz Wojciech Mateusz Kamil Dariusz Mariusz Andrzej Zbigniew Jerzy "
        "Sławomir|Slawomir Jarosław|Jaroslaw Rafał|Rafal",
        "Agnieszka Małgorzata|Malgorzata Katarzyna Ewa Joanna Beata Dorota Monika Magdalena Aleksandra Izabela Renata Jolanta Karolina Natalia Paulina Bożena|Bozena "
        "Grażyna|Grazyna Teresa Wioletta",
        "Nowak Kowalski Wiśniewski|Wisniewski Wójcik|Wojcik Kowalczyk Kamiński|Kaminski Lewandowski Zieliński|Zielinski Szymański|Szymanski Woźniak|Wozniak "
        "Kozłowski|Kozlowski Jankowski Mazur Krawczyk Piotrowski Grabowski Pawłowski|Pawlowski Michalski Król|Krol Wieczorek Jabłoński|Jablonski Wróbel|Wrobel "
        "Stępień|Stepien Malinowski Jaworski Górski|Gorski Rutkowski Sikora Baran Duda",
        "Gdansk Lublin Poznan Opole Radom Tilburg Venlo"),
    "surinaams": (
        "Ramesh Anil Ravi Sunil Dinesh Winston Clyde Romano Orlando Errol Kenneth Humphrey Stanley Roy Iwan Ricardo Dilip Radjesh Mahinder Ronald",
        "Anita Sharmila Radha Usha Indra Kavita Astrid Hilda Mavis Jessica Shanti Lalita Sunita Cheryl Yvonne Wonny Soraya Reshma Priya Chandra",
        "Ramdin Singh Soekhoe Baldew Mahabier Jhinkoe Sewnath Gangaram Kishoen Autar Bhagwan Chotoe Doerga Ganga Hira Koorndijk Landveld Pinas Amatsiri "
        "Wijngaarde Kromodimedjo Sastro Pawiro Leeflang Tjon Biervliet Samson Vrede Hoogdorp Riedewald",
        "Paramaribo Nickerie Moengo Albina Almere Zoetermeer Hoorn"),
}


def bsn(chance):
    """Passes the 11-test."""
    while True:
        digits = [9, chance.randrange(9)] + [chance.randrange(10) for _ in range(6)]
        last = sum(digit * weight for digit, weight in zip(digits, range(9, 1, -1))) % 11
        if last < 10:
            return "".join(map(str, digits)) + str(last)


def date(chance, first=1945, last=2005):
    """Neither 1 January nor 1 July: those stand for "not known"."""
    while True:
        year, month, day = chance.randint(first, last), chance.randint(1, 12), chance.randint(2, 28)
        if day != 1:
            return f"{year}{month:02}{day:02}"


def address(chance):
    return {"postcode": f"{chance.randint(1000, 9899)}{''.join(chance.choice('ABCDEGHJKLMNPRSTVWXZ') for _ in range(2))}", "huisnummer": str(chance.randint(1, 240))}


def slip(chance, text):
    """One letter more, less or other, or two changed about."""
    at = chance.randrange(max(1, len(text) - 1))
    letter = chance.choice("abdefghiklmnoprstu")
    return chance.choice([text[:at] + letter + text[at:], text[:at] + text[at + 1:], text[:at] + letter + text[at + 1:],
                          text[:at] + text[at + 1:at + 2] + text[at:at + 1] + text[at + 2:]]) or text


def pick(chance, names):
    """The first ones are the commoner ones."""
    names = names.split()
    return names[min(int(chance.expovariate(3 / len(names))), len(names) - 1)]


class Registration:
    """Rows, and of each whose it is."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.rows = []
        self.person_of = {}
        self.counts = {}
        self.groups = {}  # of a person: origin and gender

    def add(self, person, **fields):
        row = dict.fromkeys(HEADER, "")
        row.update(fields)
        count = self.counts[person] = self.counts.get(person, 0) + 1
        row["rec_id"] = f"{person}.{count}"
        self.rows.append(row)
        self.person_of[row["rec_id"]] = person
        return row["rec_id"]

    def person(self, origin, gender):
        """One invented person, as the register has him; names with all their spellings."""
        chance = self.chance
        men, women, surnames, places = NAMES[origin]
        return {"bsn": bsn(chance), "given": pick(chance, men if gender == "M" else women).split("|"), "surname": pick(chance, surnames).split("|"),
                "geboortedatum": date(chance), "geslacht": gender, "geboorteplaats": pick(chance, places), **address(chance)}

    def fill(self, count):
        """@count persons of each origin and gender, with one to four rows each."""
        number = 0
        for origin in NAMES:
            for gender in "MV":
                for _ in range(count):
                    person = self.person(origin, gender)
                    name = f"p{number:05}"
                    self.groups[name] = (origin, gender)
                    for _ in range(self.chance.choice((1, 2, 2, 3, 4))):
                        self.add(name, **self.written(person))
                    number += 1

    def written(self, person):
        """As a registration writes him: not all of it, and not all of it right."""
        chance = self.chance
        given, surname = chance.choice(person["given"]), chance.choice(person["surname"])
        row = {"voornamen": given, "voorletters": given[0] + ".", "geslachtsnaam": surname, "geboortedatum": person["geboortedatum"],
               "geslacht": person["geslacht"]}
        if chance.random() < .5:
            row["bsn"] = person["bsn"]
        if chance.random() < .8:
            row.update({"postcode": person["postcode"], "huisnummer": person["huisnummer"]} if chance.random() < .8 else address(chance))
        if chance.random() < .6:
            row["geboorteplaats"] = person["geboorteplaats"]
        if chance.random() < .15:
            row["voornamen"] = ""
        elif chance.random() < .08:
            row["voornamen"] = given[0] + slip(chance, given[1:])
        if chance.random() < .08:
            row["geslachtsnaam"] = slip(chance, surname)
        if chance.random() < .03:
            year, month, day = person["geboortedatum"][:4], person["geboortedatum"][4:6], person["geboortedatum"][6:]
            row["geboortedatum"] = chance.choice((year + day + month, year + "0000", year + "0101", f"{int(year) + 1}{month}{day}"))
        if chance.random() < .05:
            row["geslacht"] = ""
        return row
