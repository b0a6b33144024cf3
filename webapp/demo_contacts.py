"""Two hundred invented customers: the same ones every time, so that pictures and stories fit. Nobody real is meant."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

GREEK_WOMEN = "Μαρία Ελένη Κατερίνα Βασιλική Σοφία Αγγελική Γεωργία Δήμητρα Ιωάννα Χριστίνα Ευαγγελία Αναστασία".split()
GREEK_MEN = (
    "Γιώργος Δημήτρης Κωνσταντίνος Νίκος Παναγιώτης Βασίλης Χρήστος Αθανάσιος Μιχάλης Σπύρος Λευτέρης Στέλιος".split()
)
GREEK_FAMILIES = (
    "Παπαδοπούλου/Παπαδόπουλος Βλάχου/Βλάχος Αγγελοπούλου/Αγγελόπουλος Νικολάου/Νικολάου Γεωργίου/Γεωργίου "
    "Δημητρίου/Δημητρίου Καραγιάννη/Καραγιάννης Οικονόμου/Οικονόμου Παππά/Παππάς Μακρή/Μακρής Σαμαρά/Σαμαράς "
    "Λαμπροπούλου/Λαμπρόπουλος Αντωνίου/Αντωνίου Κοντού/Κοντός Ζαχαρίου/Ζαχαρίου Ξενάκη/Ξενάκης Φωτίου/Φωτίου"
).split()
ABROAD = {
    "DE": (
        "Anna Jonas Lena Felix Greta Paul Mia Karl",
        "Becker Schäfer Krüger Vogel Brandt Weiß Lorenz Köhler",
        "+493023125",
    ),
    "FR": (
        "Camille Hugo Élodie Antoine Chloé Théo Margaux Rémi",
        "Lefèvre Moreau Girard Dubois Fournier Mercier",
        "+3319900",
    ),
    "GB": (
        "Olivia Harry Amelia Oscar Imogen Rupert Nia Rhys",
        "Ashworth Bennett Cartwright Hughes Okafor Patel",
        "+442079460",
    ),
    "US": (
        "Dana Marcus Priya Ethan Lucia Tyrone Grace Noah",
        "Reyes Coleman Nguyen Fischer Ramirez Brooks",
        "+121255501",
    ),
    "IT": ("Giulia Lorenzo Chiara Matteo Elisa Davide", "Rossetti Bianchi Moretti Galli Ferrara Conti", "+3902"),
    "ES": ("Lucía Álvaro Carmen Íñigo Noelia Jordi", "Muñoz Ibáñez Ortega Domènech Castaño Peña", "+3491"),
    "PL": ("Zofia Łukasz Agnieszka Paweł Małgorzata", "Wiśniewska Dąbrowski Zieliński Król Wójcik", "+4822"),
    "BG": ("Иванка Георги Росица Димитър Елена", "Петрова Иванов Стоянова Тодоров Колева", "+3592"),
    "IL": ("נועה דוד מיכל יוסי", "לוי כהן פרץ מזרחי", "+9723"),
    "AE": ("ليلى يوسف مريم خالد", "الحسن النجار العلي حداد", "+9714"),
}
COMPANIES = (
    "Αιγαίο Κουφώματα ΑΕ", "Ελαιώνες Μεσσηνίας", "Hotel Akropol", "Nordlicht Fenster GmbH", "Ξενοδοχείο Θάλασσα",
    "Boulangerie Mercier", "Κτήμα Οικονόμου", "Ashworth & Daughters", "Φαρμακείο Βλάχου", "Blue Harbour Yachts",
    "Τεχνική Βορείου Ελλάδος", "Studio Moretti", "Οδοντιατρείο Παππά", "Zieliński Transport",
)  # fmt: skip
LABELS = ("mobile", "office", "home")


@dataclass(frozen=True, slots=True)
class Invented:
    name: str
    company: str
    phones: tuple[tuple[str, str], ...]  # E.164, label
    email: str
    note: str


def contacts(count: int = 200) -> Iterator[Invented]:
    dice = Random(20261123)
    numbers = _numbers(dice)
    family = next(numbers)
    for i in range(count):
        name, region = _name(dice)
        mobile = family if i in (3, 4, 5) else next(numbers)  # three of one household share a telephone
        phones = [(mobile if region == "GR" else _abroad(dice, region), "mobile")]
        if dice.random() < 0.3:
            phones.append((f"+30210{dice.randrange(2_000_000, 9_999_999)}", dice.choice(LABELS[1:])))
        company = dice.choice(COMPANIES) if dice.random() < 0.35 else ""
        email = f"customer{i + 1}@example.com" if dice.random() < 0.7 else ""
        note = dice.choice(NOTES) if dice.random() < 0.2 else ""
        yield Invented(name, company, tuple(phones), email, note)


NOTES = (
    "Prefers to be called in the afternoon.",
    "Θέλει προσφορά για τρία παράθυρα.",
    "Pays by bank transfer, always on time.",
    "Speaks English and French.",
    "Ζήτησε να μιλήσει με τον υπεύθυνο.",
)


def _numbers(dice: Random) -> Iterator[str]:
    seen = set()
    while True:
        number = f"+3069{dice.choice('4789')}{dice.randrange(10**7):07d}"
        if number not in seen:
            seen.add(number)
            yield number


def _name(dice: Random) -> tuple[str, str]:
    if dice.random() < 0.6:
        woman, man = dice.choice(GREEK_FAMILIES).split("/")
        return (
            f"{dice.choice(GREEK_WOMEN)} {woman}" if dice.random() < 0.5 else f"{dice.choice(GREEK_MEN)} {man}"
        ), "GR"
    region = dice.choice(list(ABROAD))
    first, last, _prefix = ABROAD[region]
    return f"{dice.choice(first.split())} {dice.choice(last.split())}", region


def _abroad(dice: Random, region: str) -> str:
    """Where a country keeps numbers free for stories (Germany, France, Britain, America), one of those."""
    digits = {"DE": 3, "FR": 4, "GB": 3, "US": 2}.get(region, 7)
    return ABROAD[region][2] + f"{dice.randrange(2 * 10 ** (digits - 1), 10**digits)}"
