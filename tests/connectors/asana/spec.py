"""Which document Asana's requests and answers are held to."""

from tests.contract.specs import SpecSheet

SPEC = SpecSheet("asana.json", prefix="/api/1.0")
