"""docs/protocol.md names all that the protos have, each in its place, and nothing else."""

import re
from pathlib import Path

import grpc
import pytest
from contract import MODULES

from lightgrid.process.told_environment import TOLD_VARIABLES
from lightgrid.protocol.features import FEATURES

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/protocol.md"
TEXT = PAGE.read_text()
FILES = [module.DESCRIPTOR for module in MODULES]


def by_name(kind):
    return {name: one for file in FILES for name, one in getattr(file, kind).items()}


MESSAGES = by_name("message_types_by_name")
ENUMS = by_name("enum_types_by_name")
SERVICES = by_name("services_by_name")
#: What the table of each heading has to hold.
CONTENTS = {
    **{name: [field.name for field in one.fields] for name, one in MESSAGES.items()},
    **{name: [value.name for value in one.values] for name, one in ENUMS.items()},
    **{name: [method.name for method in one.methods] for name, one in SERVICES.items()},
}
#: Names of other libraries that the page speaks of.
FOREIGN = {
    "ErrorInfo", "RetryInfo", "CommandWork", "ExternalWork", "IOError", "IOException", "ValueError",
    "ClientWriter", "ClientWriteReactor", "WritesDone", "OnWriteDone", "OnDone", "AddHold",
    "RemoveHold", "Value_IntValue", "IntValue", "CloseAndRecv", "StreamObserver",
    "InvalidStateError",
}  # fmt: skip


def sections():
    """The text below each heading that names something of the protos."""
    parts = re.split(r"^#{2,3} (.*)$", TEXT, flags=re.M)
    pairs = zip(parts[1::2], parts[2::2], strict=True)
    return {name.strip("`"): text for name, text in pairs if name.startswith("`")}


def rows(text):
    """The names in the first column of a table."""
    return re.findall(r"^\| `([^`]+)` \|", text, re.M)


def words(pattern, text=TEXT):
    return set(re.findall(pattern, text))


def known_constants():
    values = {value.name for enum in ENUMS.values() for value in enum.values}
    short = {re.sub(r"^(ERROR_REASON|CALL_STATE|CALL_ERROR_REASON)_", "", one) for one in values}
    prefixes = {"ERROR_REASON_"}
    return values | short | prefixes | {code.name for code in grpc.StatusCode} | TOLD_VARIABLES


def test_each_message_enum_and_service_has_a_heading_and_no_other_has_one():
    assert set(sections()) == set(CONTENTS)


@pytest.mark.parametrize("name", CONTENTS)
def test_its_table_has_each_field_value_or_method_and_no_other(name):
    assert sorted(rows(sections()[name])) == sorted(CONTENTS[name])


@pytest.mark.parametrize("service", SERVICES)
def test_each_method_is_named_with_its_messages(service):
    for method in SERVICES[service].methods:
        row = re.search(rf"^\| `{method.name}` \|.*$", sections()[service], re.M)
        assert row is not None
        assert f"`{method.input_type.name}`" in row[0]
        assert f"`{method.output_type.name}`" in row[0]


def test_each_error_reason_has_the_code_that_its_comment_in_the_proto_has():
    comments = (ROOT / "protos/lightgrid_protos/v1/errors.proto").read_text()
    enum = comments.partition("enum ErrorReason {")[2]
    code = ""
    for line in enum.splitlines():
        found = re.search(r"// ([A-Z_]{5,})[:.]", line)
        code = found[1] if found else code
        value = re.search(r"ERROR_REASON_\w+", line)
        if value and not value[0].endswith("UNSPECIFIED"):
            assert f"| `{value[0]}` | {code} |" in TEXT


def test_each_environment_variable_has_a_row_and_is_in_the_proto():
    table = TEXT.partition("### What its environment says")[2].partition("###")[0]
    assert set(rows(table)) == TOLD_VARIABLES
    proto = (ROOT / "protos/lightgrid_protos/v1/work_service.proto").read_text()
    assert words(r"LIGHTGRID_[A-Z_]+", proto) == TOLD_VARIABLES


def test_each_feature_is_named():
    assert set(FEATURES) <= words(r"`([a-z-]+)`", sections()["RegisterWorkRequest"])


def test_each_name_in_capitals_is_one_of_the_protos_or_a_status_code():
    found = words(r"\b[A-Z]{2,}(?:_[A-Z]+)+_?\b")
    assert len(found) > 40
    assert found <= known_constants()


def test_each_name_in_camel_case_is_one_of_the_protos():
    methods = {method.name for one in SERVICES.values() for method in one.methods}
    found = words(r"\b[A-Z][a-z]+[A-Z]\w+\b")
    assert found <= set(CONTENTS) | methods | FOREIGN


def test_each_name_with_an_underscore_in_a_picture_is_a_field():
    fields = {field.name for one in MESSAGES.values() for field in one.fields}
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", TEXT, re.M | re.S)
    pictures = "\n".join(content for language, content in fenced if not language)
    defined = words(r"function (\w+)\(", pictures) | words(r"^(\w+) += ", pictures)
    defined |= {name for line in re.findall(r"^(.*) = ", pictures, re.M) for name in line.split()}
    found = words(r"(?<![\w/])[a-z]+(?:_[a-z]+)+\b", pictures)
    assert found <= fields | defined


def anchor(heading):
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_links_lead_somewhere():
    anchors = {anchor(heading) for heading in re.findall(r"^#+ (.*)$", TEXT, re.M)}
    links = re.findall(r"\]\(([^)\s]+)\)", TEXT)
    assert len(links) > 10
    for link in links:
        if link.startswith("#"):
            assert link[1:] in anchors, link
        else:
            assert (PAGE.parent / link).exists(), link


def test_a_word_that_the_architecture_has_means_here_what_it_means_there():
    def table(text):
        return dict(re.findall(r"^\| ([^|]+) \| (.+) \|$", text.partition("## Words")[2], re.M))

    here, there = table(TEXT), table((ROOT / "ARCHITECTURE.md").read_text())
    both = here.keys() & there.keys()
    assert len(both) > 20
    assert {word: here[word] for word in both} == {word: there[word] for word in both}
