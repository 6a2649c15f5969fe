# SPDX-License-Identifier: EUPL-1.2
"""The four export formats, as config/voorbeeldstad/exports/README.md lays them down."""
import dataclasses
import json
from xml.sax.saxutils import escape, quoteattr

# klasse: kind with a proces-verbaal, kind without
KLASSEN = {
    "HG1": ("huiselijk-geweld", "huiselijk-geweld"), "HG2": ("huiselijk-geweld", "huiselijk-geweld"),
    "HG3": ("huiselijk-geweld", "huiselijk-geweld"), "KM1": ("kindermishandeling", "kindermishandeling"),
    "OV1": ("overlast", "overlast"), "OV2": ("overlast", "overlast"), "WO1": ("woonoverlast", "woonoverlast"),
    "DR1": ("proces-verbaal", "incident"), "VM1": ("proces-verbaal", "incident"), "VM2": ("proces-verbaal", "incident"),
    "VM3": ("proces-verbaal", "incident"), "GW1": ("proces-verbaal", "incident"), "GW2": ("proces-verbaal", "incident"),
    "VN1": ("proces-verbaal", "incident"), "VK1": ("proces-verbaal", "incident"), "IN9": ("incident", "incident"),
}
KLASSE_NAMES = {
    "HG1": "Huiselijk geweld: lichamelijk", "HG2": "Huiselijk geweld: geestelijk", "HG3": "Huiselijk geweld: bedreiging, belaging",
    "KM1": "Kindermishandeling of verwaarlozing", "OV1": "Overlast jeugd", "OV2": "Overlast overig", "WO1": "Woonoverlast",
    "DR1": "Verdovende middelen", "VM1": "Diefstal", "VM2": "Inbraak", "VM3": "Diefstal met geweld", "GW1": "Mishandeling",
    "GW2": "Bedreiging", "VN1": "Vernieling", "VK1": "Verkeer", "IN9": "Overig incident",
}
POLITIE_ROLES = {"V": "pleger", "S": "slachtoffer", "B": "slachtoffer", "G": "getuige", "K": "kind", "A": "overig", "O": "overig"}
OM_KINDS = {"BRUTO": "recidivelijst", "NETTO": "recidivelijst", "BESL": "beslissing", "TOM": "beslissing"}
RECLASSERING_KINDS = {"RISC": "risc", "TOEZICHT_START": "toezicht-start", "OVERTREDING": "toezicht-overtreding",
                      "EINDE": "toezicht-einde"}
JEUGDZORG_KINDS = {"KM": "kindermishandeling", "ZM": "zorgmelding", "JR": "jeugdreclassering", "HG": "huiselijk-geweld",
                   "VZ": "verzuim", "AM": "aanmelding"}
JEUGDZORG_ROLES = {"001": "pleger", "002": "slachtoffer", "003": "slachtoffer", "004": "getuige", "005": "overig"}


@dataclasses.dataclass
class Record:
    """One record of an export, and what the hub must make of it."""
    partner: str
    file: str
    reference: str
    version: int
    kind: str = ""  # of the house's configuration; empty for a withdrawal
    date: tuple = ()
    mentions: list = dataclasses.field(default_factory=list)
    themes: list = dataclasses.field(default_factory=list)
    withdraw: bool = False
    held: str = ""  # the code, when it cannot be used
    raw: dict = dataclasses.field(default_factory=dict)  # what only this format has


def iso(date):
    return "%04d-%02d-%02d" % tuple(date)


def summer(date):
    """Whether Dutch clocks show summer time at noon of that day (2025 and 2026)."""
    start, end = {2025: ((3, 30), (10, 26)), 2026: ((3, 29), (10, 25))}.get(date[0], ((4, 1), (10, 25)))
    return start <= tuple(date[1:]) < end


def moment(date, time):
    return "%sT%s:00%s" % (iso(date), time, "+02:00" if summer(date) else "+01:00")


# --- politie ---

def _element(name, text, indent):
    return "%s<bps:%s>%s</bps:%s>\n" % (" " * indent, name, escape(str(text)), name) if text not in ("", None) else ""


def _bps_address(address, name, attribute, indent):
    if not address and not attribute:
        return ""
    out = "%s<bps:%s%s>\n" % (" " * indent, name, attribute)
    for element, field in (("straat", "street"), ("huisnummer", "number"), ("toevoeging", "addition"), ("postcode", "postcode"),
                           ("plaats", "place")):
        out += _element(element, (address or {}).get(field, ""), indent + 2)
    return out + "%s</bps:%s>\n" % (" " * indent, name)


def _bps_person(mention):
    out = "      <bps:betrokkene rol=%s>\n" % quoteattr(mention["rol"])
    for element, field in (("bsn", "bsn"), ("voornamen", "given"), ("voorletters", "initials"), ("voorvoegsel", "prefix"),
                           ("geslachtsnaam", "surname")):
        out += _element(element, mention[field], 8)
    if mention["partner_surname"]:
        out += "        <bps:partner>\n" + _element("voorvoegsel", mention["partner_prefix"], 10)
        out += _element("geslachtsnaam", mention["partner_surname"], 10) + "        </bps:partner>\n"
    out += _element("naamgebruik", mention["usage"], 8)
    if mention["birth"]:
        out += _element("geboortedatum", iso(mention["birth"]), 8)
    out += _element("geboorteplaats", mention["birth_place"], 8) + _element("geslacht", mention["gender"], 8)
    return out + _bps_address(mention["address"], "adres", "", 8) + "      </bps:betrokkene>\n"


def politie(records, made):
    out = '<?xml version="1.0" encoding="UTF-8"?>\n'
    out += '<bps:registraties xmlns:bps="urn:voorbeeldstad:politie:bps:3" korps="Voorbeeldstad" aangemaakt="%s" aantal="%d">\n' % (
        moment(made, "06:00"), len(records))
    for record in records:
        raw = record.raw
        if record.withdraw:
            out += '  <bps:intrekking nummer=%s mutatie="%d"><bps:reden>%s</bps:reden></bps:intrekking>\n' % (
                quoteattr(record.reference), record.version, escape(raw["reason"]))
            continue
        out += '  <bps:registratie nummer=%s mutatie="%d">\n' % (quoteattr(record.reference), record.version)
        out += "    <bps:klasse code=%s>%s</bps:klasse>\n" % (quoteattr(raw["klasse"]), KLASSE_NAMES.get(raw["klasse"], "Vervallen code"))
        out += _element("document", raw["document"], 4) + _element("datum", iso(record.date), 4)
        out += _element("tijd", raw["time"], 4) + _element("geregistreerd", moment(record.date, "23:50"), 4)
        out += _element("ernst", raw.get("severity", ""), 4)
        for theme in record.themes:
            out += _element("thema", theme, 4)
        area = raw.get("area")
        out += _bps_address(raw.get("place"), "locatie", " gebied=%s" % quoteattr(area) if area else "", 4)
        out += _element("toelichting", raw.get("summary", ""), 4)
        if record.mentions:
            out += "    <bps:betrokkenen>\n" + "".join(map(_bps_person, record.mentions)) + "    </bps:betrokkenen>\n"
        out += "  </bps:registratie>\n"
    return (out + "</bps:registraties>\n").encode("utf-8")


# --- om ---

OM_COLUMNS = ("VOLGNUMMER;SOORT;PARKETNUMMER;DATUM;BSN;NAAM;VOORVOEGSEL;VOORNAMEN;VOORLETTERS;PARTNERNAAM;PARTNERVOORVOEGSEL;"
              "NAAMGEBRUIK;GEBDATUM;GEBPLAATS;GESLACHT;STRAAT;HUISNR;TOEV;POSTCODE;PLAATS;OMSCHRIJVING")


def _om_date(date):
    return "%02d-%02d-%04d" % (date[2], date[1], date[0]) if date else ""


def _om_field(text):
    text = str(text)
    return '"%s"' % text.replace('"', '""') if ";" in text or '"' in text else text


def om_row(record):
    """The fields of the row; also what one list is compared with the next by."""
    who = record.mentions[0]
    address = who["address"] or {}
    return [record.reference, record.raw["soort"], record.raw["parketnummer"], _om_date(record.date), who["bsn"], who["surname"],
            who["prefix"], who["given"], who["initials"], who["partner_surname"], who["partner_prefix"], who["usage"],
            _om_date(who["birth"]), who["birth_place"], who["gender"], address.get("street", ""), address.get("number", ""),
            address.get("addition", ""), address.get("postcode", ""), address.get("place", ""), record.raw["summary"]]


def om(records):
    lines = [OM_COLUMNS] + [";".join(map(_om_field, om_row(record))) for record in records] + ["EINDE;%d" % len(records)]
    return "".join(line + "\r\n" for line in lines).encode("iso-8859-1")


# --- reclassering ---

def _json_person(mention):
    address = mention["address"]
    client = {"bsn": mention["bsn"], "voornamen": mention["given"], "voorletters": mention["initials"], "tussenvoegsel": mention["prefix"],
              "achternaam": mention["surname"], "partner_tussenvoegsel": mention["partner_prefix"],
              "partner_achternaam": mention["partner_surname"], "naamgebruik": mention["usage"],
              "geboortedatum": mention.get("birth_text") or (iso(mention["birth"]) if mention["birth"] else ""),
              "geboorteplaats": mention["birth_place"], "geslacht": mention["gender"]}
    client = {name: value for name, value in client.items() if value}
    if address:
        client["adres"] = {name: value for name, value in (
            ("straat", address["street"]), ("huisnummer", address["number"]), ("toevoeging", address["addition"]),
            ("postcode", address["postcode"][:4] + " " + address["postcode"][4:]), ("plaats", address["place"])) if value}
    return client


def reclassering(records):
    out = ""
    for record in records:
        raw = record.raw
        line = {"id": record.reference, "versie": record.version, "soort": raw["soort"]}
        if raw.get("no_id"):
            del line["id"]
        if not record.withdraw:
            line.update({"datum": raw.get("date_text") or iso(record.date), "geregistreerd": moment(raw.get("registered") or record.date, "16:30"),
                         "organisatie": raw["organisation"], "client": _json_person(record.mentions[0])})
            for name in ("risico", "leefgebieden", "toelichting"):
                if raw.get(name):
                    line[name] = raw[name]
        text = json.dumps(line, ensure_ascii=False, separators=(",", ":"))
        out += (text[:len(text) // 2] if raw.get("cut") else text) + "\n"
    return out.encode("utf-8")


# --- jeugdzorg ---

def _nil(prefix, name):
    return '<%s:%s xsi:nil="true" StUF:noValue="waardeOnbekend"/>' % (prefix, name)


def _bg(name, value):
    return "<BG:%s>%s</BG:%s>" % (name, escape(str(value)), name) if value else _nil("BG", name)


def _jz_address(address, kind="51"):
    if not address:
        return '<BG:adres xsi:nil="true" StUF:noValue="waardeOnbekend"/>'
    out = "<BG:adres><BG:soortadres>%s</BG:soortadres><BG:nederlandsadres>" % kind
    out += _bg("wpl.woonplaatsNaam", address["place"]) + _bg("gor.openbareRuimteNaam", address["street"])
    out += _bg("aoa.postcode", address["postcode"]) + _bg("aoa.huisnummer", address["number"])
    if address["addition"]:
        out += _bg("aoa.huisletter", address["addition"])
    return out + "</BG:nederlandsadres></BG:adres>"


def _jz_birth(birth):
    if not birth:
        return '<BG:geboortedatum xsi:nil="true" StUF:noValue="waardeOnbekend"/>'
    known = "M" if birth[1] == 0 else "D" if birth[2] == 0 else "V"
    # Where parts are unknown the schema still wants eight digits: the system fills in a 01.
    return '<BG:geboortedatum StUF:indOnvolledigeDatum="%s">%04d%02d%02d</BG:geboortedatum>' % (
        known, birth[0], birth[1] or 1, birth[2] or 1)


def _jz_organisation(name, oin):
    return ('<ZKN:gerelateerde StUF:entiteittype="BTR"><ZKN:organisatorischeEenheid StUF:entiteittype="OEH"><ZKN:identificatie>%s'
            '</ZKN:identificatie><ZKN:naam>%s</ZKN:naam></ZKN:organisatorischeEenheid></ZKN:gerelateerde>' % (oin, name))


def _jz_subject(mention):
    out = '<ZKN:natuurlijkPersoon StUF:entiteittype="NPS">'
    if mention["bsn"]:
        out += _bg("inp.bsn", mention["bsn"])
    out += _bg("geslachtsnaam", mention["surname"])
    if mention["prefix"]:
        out += _bg("voorvoegselGeslachtsnaam", mention["prefix"])
    out += _bg("voornamen", mention["given"]) + _bg("geslachtsaanduiding", mention["gender"]) + _jz_birth(mention["birth"])
    if mention["birth_place"]:
        out += _bg("inp.geboorteplaats", mention["birth_place"])
    return out + _jz_address(mention["address"]) + "</ZKN:natuurlijkPersoon>"


def _jz_other(mention):
    out = '<ZKN:heeftAlsOverigBetrokkene StUF:entiteittype="ZAKBTROVR"><ZKN:gerelateerde StUF:entiteittype="BTR">'
    out += '<ZKN:natuurlijkPersoon StUF:entiteittype="NPS">'
    if mention["bsn"]:
        out += _bg("inp.bsn", mention["bsn"])
    out += _bg("geslachtsaanduiding", mention["gender"]) + _bg("naam", mention["surname"])
    if mention["address"]:
        out += _jz_address(mention["address"])
    return out + ("</ZKN:natuurlijkPersoon></ZKN:gerelateerde><ZKN:betrokkenheidRelatie>%s</ZKN:betrokkenheidRelatie>"
                  "</ZKN:heeftAlsOverigBetrokkene>" % mention["relation"])


def jeugdzorg(record, sender_oin, house_oin):
    raw = record.raw
    subject, others = record.mentions[0], record.mentions[1:]
    out = ('<?xml version="1.0" encoding="UTF-8"?>\n'
           '<JZ:meldingGeneriekDi01 xmlns:JZ="http://www.stufstandaarden.nl/koppelvlak/jz0100" '
           'xmlns:StUF="http://www.egem.nl/StUF/StUF0301" xmlns:BG="http://www.egem.nl/StUF/sector/bg/0310" '
           'xmlns:ZKN="http://www.egem.nl/StUF/sector/zkn/0310" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">')
    out += "<JZ:stuurgegevens><StUF:berichtcode>Di01</StUF:berichtcode>"
    for element, oin, application in (("zender", sender_oin, "JZ-Registratie"), ("ontvanger", house_oin, "Knooppunt")):
        out += "<StUF:%s><StUF:organisatie>%s</StUF:organisatie><StUF:applicatie>%s</StUF:applicatie></StUF:%s>" % (
            element, oin, application, element)
    out += ("<StUF:referentienummer>%s</StUF:referentienummer><StUF:tijdstipBericht>%s</StUF:tijdstipBericht>"
            "<StUF:functie>meldingGeneriekDi01</StUF:functie></JZ:stuurgegevens>" % (raw["message"], raw["sent"]))
    out += '<JZ:object StUF:entiteittype="ZAK"><ZKN:identificatie>%s</ZKN:identificatie>' % record.reference
    out += '<ZKN:heeftBetrekkingOp StUF:entiteittype="ZAKOBJ"><ZKN:gerelateerde StUF:entiteittype="OBJ">' + _jz_subject(subject)
    out += "</ZKN:gerelateerde><ZKN:hoedanigheid>%s</ZKN:hoedanigheid></ZKN:heeftBetrekkingOp>" % raw["hoedanigheid"]
    out += '<ZKN:heeftAlsInitiator StUF:entiteittype="ZAKBTRINI">' + _jz_organisation("Bureau Jeugdzorg Voorbeeldstad", sender_oin)
    out += '</ZKN:heeftAlsInitiator><ZKN:heeftAlsUitvoerende StUF:entiteittype="ZAKBTRUTV">'
    out += _jz_organisation("Veiligheidshuis Voorbeeldstad", house_oin) + "</ZKN:heeftAlsUitvoerende>" + "".join(map(_jz_other, others))
    action = ' verwerkingssoort="V"' if record.withdraw else ' verwerkingssoort="W"' if raw.get("correction") else ""
    out += '<ZKN:betreft StUF:entiteittype="ZAKZOS"><ZKN:gerelateerde StUF:entiteittype="ZOS"%s>' % action
    out += "<JZ:omschrijvingZorgelijkeSituatie>%s</JZ:omschrijvingZorgelijkeSituatie>" % escape(raw["summary"])
    if raw.get("question"):
        out += "<JZ:vraagAntwoord><JZ:vraagCode>ZVH-001</JZ:vraagCode><JZ:antwoord>%s</JZ:antwoord></JZ:vraagAntwoord>" % escape(
            raw["question"])
    for code in raw["leefgebieden"]:
        out += "<JZ:leefgebied><JZ:leefgebiedCode>%s</JZ:leefgebiedCode></JZ:leefgebied>" % code
    if raw.get("incident", True):
        out += ('<JZ:kent StUF:entiteittype="ZOSINC"><JZ:gerelateerde StUF:entiteittype="INC"><JZ:datumTijd>%s1930</JZ:datumTijd>'
                '<JZ:locatieAanduiding>thuis</JZ:locatieAanduiding></JZ:gerelateerde></JZ:kent>' % ("%04d%02d%02d" % tuple(record.date)))
    out += "</ZKN:gerelateerde></ZKN:betreft><JZ:datumTijdMelding>%s</JZ:datumTijdMelding>" % raw["reported"]
    out += ("<JZ:soortmeldingCode>ZVH</JZ:soortmeldingCode><JZ:redenMelding><JZ:code>%s</JZ:code></JZ:redenMelding>"
            "<JZ:indicatieTerugkoppelingGewenst>%s</JZ:indicatieTerugkoppelingGewenst>"
            "<JZ:verzoekOmschrijving>%s</JZ:verzoekOmschrijving></JZ:object></JZ:meldingGeneriekDi01>" % (
                raw["reden"], "Ja" if raw.get("feedback", True) else "Nee", escape(raw["request"])))
    return (out.replace("><", ">\n<") + "\n").encode("utf-8")
