"""Broken manifests: changes of the files of a good one that each make one mistake."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.campaigns.manifest.spring import FILES, MANIFEST, ROWS


@dataclass(frozen=True)
class Broken:
    """One mistake: in `file`, `old` is replaced by `new`. `«` in `new` marks the place that the error names.

    Without a mark, the error is at `at`, which is the beginning of its place. `says` are parts of its message. `more`
    are files beside the manifest.
    """

    name: str
    old: str
    new: str
    says: tuple[str, ...]
    file: str = "campaign.yaml"
    at: str = ""
    more: tuple[tuple[str, str | bytes], ...] = ()

    def write(self, folder: Path) -> str:
        """Write the files; returns the beginning of the error's place."""
        files = {**FILES, **dict(self.more)}
        text = files[self.file]
        assert isinstance(text, str)
        assert text.count(self.old) == 1, f"{self.old!r} is in {self.file} {text.count(self.old)} times"
        before, _, after = text.partition(self.old)
        mark = self.new.find("«")
        place = before + self.new[: max(mark, 0)]
        files[self.file] = before + self.new.replace("«", "") + after
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        line, column = place.count("\n") + 1, len(place) - place.rfind("\n")
        return self.at if mark < 0 else f"{self.file}:{line}:{column} "


def _words() -> list[Broken]:
    """A slip in every name of the manifest that is not the author's own."""
    found = []
    free = {"cdn", "dev", "prod"}
    lines = MANIFEST.splitlines(keepends=True)
    for index, line in enumerate(lines):
        name = line.strip().removeprefix("- ").partition(":")[0]
        is_name = ":" in line and (line.strip().endswith(":") or ": " in line)
        if not is_name or name in free or line.strip().startswith(("- name:Spring", "- name:Web")):
            continue
        slip = name[:-2] + name[-1] + name[-2] if name[-1] != name[-2] else name + "x"
        at = len(line) - len(line.lstrip()) + (2 if line.strip().startswith("- ") else 0)
        # The lines above make the change unique.
        above = "".join(lines[max(index - 3, 0) : index])
        found.append(
            Broken(
                f"a slip in {name}, line {index + 1}",
                above + line,
                f"{above}{line[:at]}«{slip}{line[at + len(name) :]}",
                (repr(slip), repr(name)),
            )
        )
    return found


def _syntax() -> list[Broken]:
    rules = "rules:\n"
    return [
        Broken("a tab that indents", "    connection: ajo_dev", "«\tconnection: ajo_dev", ("a tab cannot indent",)),
        Broken("a list that is not closed", rules, "rules: [1, 2\nother:\n", ("not YAML",), at="campaign.yaml:26:"),
        Broken(
            "a quote that is not closed", "campaign: spring", 'campaign: "spring', ("not YAML",), at="campaign.yaml:"
        ),
        Broken("wrong indentation", "    connection: ajo_dev\n", "    connection: ajo_dev\n   «x: 1\n", ("not YAML",)),
        Broken("two values on a line", "campaign: spring\n", "campaign: [a] «b\n", ("not YAML",)),
        Broken("a name twice", rules, "«targets:\n  x: {connection: y}\nrules:\n", ("a second time", "line 11")),
        Broken("a name twice below", "    sandbox: prod\n", "    sandbox: prod\n    «sandbox: x\n", ("a second time",)),
        Broken("an alias without an anchor", "    - Web hero\n", "    - «*hero\n", ("the alias *hero",)),
        Broken("an alias in its own anchor", "    - Web hero\n", "    - &a [«*a]\n", ("the alias *a",)),
        Broken("an unknown tag", "    - Web hero\n", "    - «!env HERO\n", ("'!env'", "no tag")),
        Broken("a tag that makes objects", "spring\nvar", "«!!python/name:os.system x\nvar", ("!!python/name",)),
        Broken("a date's tag", "start: 2027-03-01", "start: «!!timestamp 2027-03-01", ("!!timestamp",)),
        Broken("a wrong number's tag", "campaign: spring", "campaign: «!!int spring", ("!!int", "type int")),
        Broken("a second document", "moved:\n", "«---\nmoved:\n", ("a second document",)),
        Broken("a name that is a template", "  dev:\n", "  «{{ x }}: {}\n  dev:\n", ("a name that is not text",)),
        Broken(
            "a template without quotes", 'priority: "{{ row.priority }}"', "priority: {«{ row.priority }}", ("quotes",)
        ),
        Broken("a merge of text", "    - Web hero\n", "    - {<<: «x}\n", ("<< cannot merge",)),
        Broken("a control character", "spring\nvar", "sp«\x07ring\nvar", ("U+0007",)),
        Broken("a number of 5,000 digits", "campaign: spring", f"campaign: «{'9' * 5_000}", ("5000 digits",)),
        Broken("a list as a name", rules, "? «[a, b]\n: x\nrules:\n", ("a name that is not text",)),
        Broken("brackets without an end", "- Web hero", f"- {'[' * 78}«{'[' * 5_000}", ("more than 80 levels",)),
        Broken(
            "JSON with a comma too many", '"<p>Welcome</p>"}', '"<p>Welcome</p>",«}', ("not JSON",), file="welcome.json"
        ),
        Broken("JSON with a name twice", '"content"', '«"type": 1, "content"', ("a second time",), file="welcome.json"),
        Broken("JSON that ends too early", "]\n  }\n]\n", "]\n  }\n«", ("not JSON",), file="welcome.json"),
        Broken("JSON with a comment", "[\n  {\n", "[\n  «// x\n  {\n", ("not JSON",), file="welcome.json"),
        Broken("JSON with more behind it", "  }\n]\n", "  }\n]\n«[]", ("Extra data",), file="welcome.json"),
        Broken("JSON with NaN", '"<p>Welcome</p>"', "«NaN", ("not JSON",), file="welcome.json"),
    ]


def _form() -> list[Broken]:
    return [
        Broken("another version", "offers/v1", "«offers/v2", ("'offers/v2'", "'offers/v1'")),
        Broken(
            "no version", "apiVersion: offers/v1\n", "", ("nothing", "required"), at="campaign.yaml:1:1 /apiVersion"
        ),
        Broken("no campaign", "campaign: spring\n", "", ("nothing", "required"), at="campaign.yaml:1:1 /campaign"),
        Broken("offers in a mapping", "tags:\n  - name: Spring", "tags:\n  «name: Spring", ("a list of objects",)),
        Broken("an object that is text", "tags:\n  - name: Spring", "tags:\n  - «Spring", ("an object",)),
        Broken(
            "a target without a connection", "  dev:\n    connection: ajo_dev", "  dev:\n    «sandbox: x", ("nothing",)
        ),
        Broken("a flag that is a word", "protected: true", "protected: «yes", ("'yes'", "true or false")),
        Broken("a number as a sandbox", "sandbox: prod", "sandbox: «7", ("7", "sandbox")),
        Broken("variables in a list", "variables:\n  cdn:", "variables:\n  «- cdn:", ("a list", "names to values")),
        Broken("external names as text", "placements:\n    - Web hero", "placements: «Web hero", ("a list of names",)),
        Broken("an unknown section", "moved:\n", "«audiences: []\nmoved:\n", ("'audiences'", "known here are")),
        Broken("an unknown default", "status: approved", "status: approved\n  «colour: red", ("'colour'",)),
        Broken("a default name", "status: approved", "status: approved\n  «name: x", ("'name'",)),
        Broken("an unknown kind of a move", "kind: offer", "kind: «ofer", ("'ofer'", "did you mean 'offer'")),
        Broken(
            "a manifest that is a list", MANIFEST, "- campaign: x\n", ("a list", "an object"), at="campaign.yaml:1:1"
        ),
        Broken("an empty manifest", MANIFEST, "# nothing\n", ("an empty file",), at="campaign.yaml:1:1"),
        Broken("a flag of the lifecycle", "prevent_destroy: true", "prevent_destroy: «always", ("true or false",)),
        Broken("a pointer without a slash", "- /rank/priority", "- «rank.priority", ("did you mean '/rank/priority'",)),
        Broken("a pointer to nothing", "- /rank/priority", "- «/rank/prioritty", ("did you mean 'priority'",)),
        Broken("a pointer far from all", "- /rank/priority", "- «/margin", ("such as /description",)),
        Broken("a pointer into a list", "- /rank/priority", "- «/tags/0", ("a list is compared as a whole",)),
        Broken("a pointer below a number", "- /rank/priority", "- «/rank/priority/x", ("nothing below",)),
        Broken("a pointer to the name", "- /rank/priority", "- «/name", ("identity",)),
        Broken("pointers that are no list", ":\n        - /rank/priority", ": «/rank", ("a list of pointers",)),
        Broken(
            "templates that are a word", "  - name: Welcome\n", "  - name: Welcome\n    templates: «off\n", ("'off'",)
        ),
    ]


def _content() -> list[Broken]:
    return [
        Broken("a word as a priority", '"{{ row.priority }}"', "«high", ("'high'", "whole number", "row 1", "1 more")),
        Broken("a status of no kind", "    status: live", "    status: «approved", ("'approved'", "'live'")),
        Broken("an unknown property", "filterType: any-tags", "filterType: any-tags\n    «color: red", ("'color'",)),
        Broken("a property elsewhere", "    rank:", "    «deliveryURL: x\n    rank:", ("components",)),
        Broken("an unknown word", "filterType: any-tags", "filterType: «some-tags", ("'some-tags'",)),
        Broken(
            "a name without its prefix", "fallback: name:Welcome", "fallback: «Welcome back", ("did you mean 'name:",)
        ),
        Broken(
            "an unknown tag's name",
            "      - name:Spring\n    rank",
            "      - «name:Sprung\n    rank",
            ("did you mean 'Spring'",),
        ),
        Broken(
            "the name of two objects",
            "collections:\n  - name: Spring set\n    filterType: any-tags\n    ids:\n      - name:Spring\n",
            "  - name: Spring towels\n    representations: !include welcome.json\n"
            "collections:\n  - name: Spring set\n    filterType: offers\n    ids:\n      - «name:Spring towels\n",
            ("the name of a personalized offer and of a fallback offer", "the id of one"),
        ),
        Broken("a name of another kind", "filter: name:Spring set", "filter: «name:Spring", ("collection qualifier",)),
        Broken(
            "an unknown placement",
            "- placement: name:Web hero",
            "- placement: «name:Web heroes",
            ("external.placements",),
        ),
        Broken(
            "an id of another kind", "filter: name:Spring set", "filter: «dps:tag:1c265317da412003", ("collection",)
        ),
        Broken(
            "two objects of one name",
            "  - name: Gold\n",
            "  - name: Gold\n    condition: {type: PQL, format: pql/text, value: x}\n  - name: «Gold\n",
            ("'Gold'", "already at campaign.yaml:26:5"),
        ),
        Broken(
            "two rows of one name",
            "towels,30",
            "parasols,30",
            ("'Spring parasols'",),
            file="offers.csv",
            at="campaign.yaml:33:11 /offers/0/name in row 2 (offers.csv:3)",
            more=(("campaign.yaml", MANIFEST.partition("moved:")[0]),),
        ),
        Broken(
            "an object of others that is ours",
            "    - Web hero\n",
            "    - Web hero\n  tags:\n    - «Spring\n",
            ("describes itself",),
        ),
        Broken("an external name twice", "    - Web hero\n", "    - Web hero\n    - «Web hero\n", ("a second time",)),
        Broken("a move to nothing", "to: Spring towels", "to: «Spring towelz", ("did you mean 'Spring towels'",)),
        Broken(
            "a move from what is there",
            "from: Spring towel\n",
            "from: «Spring parasols\n",
            ("which a personalized offer",),
        ),
        Broken(
            "a move from itself",
            "  - kind: offer\n    from: Spring towel\n",
            "  - «kind: offer\n    from: Spring towels\n",
            ("one name twice",),
        ),
        Broken(
            "a window without an end",
            "    duration: P31D\n",
            "",
            ("exactly one of the two",),
            at="campaign.yaml:8:5 /defaults/window",
        ),
        Broken(
            "a window that ends twice",
            "    duration: P31D\n",
            "    duration: P31D\n    end: 2027-04-01\n",
            ("both",),
            at="campaign.yaml:8:5 /defaults/window",
        ),
        Broken("a reversed window", "duration: P31D", "end: «2027-02-01", ("before the window starts",)),
        Broken("a duration that is none", "duration: P31D", "duration: «31 days", ("'31 days'",)),
        Broken("a misspelled time zone", "Europe/Paris", "«Europe/Pariss", ("did you mean 'Europe/Paris'",)),
        Broken(
            "a start without a time zone",
            "    timezone: Europe/Paris\n",
            "",
            ("no time zone",),
            at="campaign.yaml:8:12 /defaults/window/start",
        ),
        Broken("a start that is no date", "start: 2027-03-01", "start: «next week", ("'next week'",)),
        Broken(
            "a start that is a week", "start: 2027-03-01", "start: «2027-W10", ("'2027-W10', a week without a day",)
        ),
        Broken("a start that the clocks skip", "start: 2027-03-01", "start: «2027-03-28T02:30:00", ("does not exist",)),
        Broken(
            "a start that occurs twice",
            "start: 2027-03-01",
            "start: 2027-10-31T02:30:00",
            ("occurs twice", "ambiguous_time"),
            at="campaign.yaml:8:5 /defaults/window",
        ),
        Broken(
            "an unknown word in the window",
            "    duration: P31D",
            "    duration: P31D\n    «zone: UTC",
            ("'zone'", "start, end, duration, timezone"),
        ),
        Broken(
            "a window of a tag",
            "tags:\n  - name: Spring\n",
            "tags:\n  - name: Spring\n    window: «{start: 2027-03-01}\n",
            ("a window of a collection qualifier",),
        ),
        Broken(
            "a window beside its dates",
            "    fallback: name:Welcome\n",
            "    fallback: name:Welcome\n    startDate: 2027-03-01T00:00:00Z\n    window: «{start: 2027-03-02}\n",
            ("beside startDate",),
        ),
        Broken(
            "a date without a zone",
            "    fallback: name:Welcome\n",
            "    fallback: name:Welcome\n    endDate: 2037-03-01T00:00:00Z\n    startDate: «2027-03-01T00:00:00\n",
            ("no time zone",),
        ),
        Broken(
            "one property in two spellings",
            "filterType: any-tags",
            "filterType: any-tags\n    «xdm:filterType: anyTags",
            ("both as",),
        ),
        Broken("a large object", 'value: loyalty.tier.equals("gold", false)', f"value: «{'x' * 16_000}", ("bytes",)),
        Broken(
            "too many tags",
            "    ids:\n      - name:Spring\n",
            "    ids: «[" + "name:Spring, " * 21 + "]\n",
            ("at most 20",),
        ),
        Broken("an empty name", "- name: Hero", '- name: «""', ("a name",)),
        Broken("a name that is a flag", "- name: Hero", "- name: «true", ("True", "a name")),
        Broken(
            "a fraction in text", "filterType: any-tags", "description: «4.50\n    filterType: any-tags", ("quotes",)
        ),
    ]


def _templates() -> list[Broken]:
    name = "name: Spring {{ row.name }}"
    return [
        Broken(
            "an unknown column",
            name,
            "name: «Spring {{ row.nmae }}",
            ("'nmae'", "did you mean 'name'", "row 1 (offers.csv:2)"),
        ),
        Broken(
            "a template as the campaign", "campaign: spring", "campaign: «'{{ target.name }}'", ("not rendered here",)
        ),
        Broken(
            "a whole connection as its id",
            "connection: ajo\n",
            "connection: «https://login:secret@example.com\n",
            ("a whole connection, which is not shown", "the id of an Airflow connection"),
        ),
        Broken(
            "a template as a connection", "connection: ajo\n", "connection: «'{{ var.cdn }}'\n", ("not rendered here",)
        ),
        Broken(
            "a template in a variable",
            "cdn: https://cdn.example.org",
            'cdn: «"https://{{ target.name }}.example.org"',
            ("not rendered here", "final text"),
        ),
        Broken("an endless text", name, "name: «\"{{ 'x' * 2000000 }}\"", ("2,000,000 characters",)),
        Broken("an unknown variable", '"{{ var.cdn }}/', '«"{{ var.cnd }}/', ("'cnd'", "did you mean 'cdn'")),
        Broken(
            "a variable without a value",
            "cdn: https://cdn.example.com",
            "cdn:",
            ("'cdn' has no value", "'dev'"),
            at="campaign.yaml:45:26",
        ),
        Broken(
            "an unknown property of the target",
            '"{{ var.cdn }}/',
            '«"{{ target.region }}/',
            ("'region'", "known are name"),
        ),
        Broken("an unknown name", name, "name: «Spring {{ rwo.name }}", ("'rwo'", "did you mean 'row'")),
        Broken("a row without rows", "- name: Hero", '- name: «"Hero {{ row.name }}"', ("`for_each`",)),
        Broken(
            "Adobe's expression",
            '"<p>Welcome</p>"',
            '«"<p>Hello {{profile.person.name.firstName}}</p>"',
            ("'profile'", "{% raw %}", "`templates: false`"),
            file="welcome.json",
        ),
        Broken(
            "Adobe's block",
            '"<p>Welcome</p>"',
            '«"{{#if profile.gold}}Hello{{/if}}"',
            ("{% raw %}", "`templates: false`"),
            file="welcome.json",
        ),
        Broken(
            "Adobe's statement",
            '"<p>Welcome</p>"',
            '«"{%= profile.person.name %}"',
            ("{% raw %}",),
            file="welcome.json",
        ),
        Broken(
            "Adobe's unescaped text", '"<p>Welcome</p>"', '«"{{{profile.html}}}"', ("{% raw %}",), file="welcome.json"
        ),
        Broken("a template that does not end", name, "name: «Spring {{ row.name", ("ends in an error", "Jinja")),
        Broken("an unknown filter", name, "name: «Spring {{ row.name | uper }}", ("No filter named 'uper'",)),
        Broken(
            "an empty cell in text",
            name,
            "name: «Spring {{ row.cap }}",
            ("an empty cell", "'cap'", "row 2 (offers.csv:3)"),
        ),
        Broken("the whole row in text", name, "name: «Spring {{ row }}", ("the whole row",)),
        Broken("all variables in text", name, "name: «Spring {{ var }}", ("the whole of `var`",)),
        Broken("arithmetic with text", '"{{ row.priority }}"', '«"{{ row.priority + 1 }}"', ("TypeError", "row 1")),
        Broken("a division by zero", '"{{ row.priority }}"', '«"{{ 1 // 0 }}"', ("ZeroDivisionError",)),
        Broken("an inclusion of Jinja", name, "name: «Spring {% include 'x' %}", ("ends in an error",)),
        Broken(
            "the way out of the sandbox", name, "name: «Spring {{ row.name.__class__.__mro__ }}", ("ends in an error",)
        ),
        Broken("a value that is no JSON", '"{{ row.priority }}"', '«"{{ range }}"', ("a JSON value",)),
        Broken(
            "rows without templates",
            "- for_each: offers.csv\n",
            "- for_each: «offers.csv\n    templates: false\n",
            ("templates: false",),
        ),
    ]


def _files() -> list[Broken]:
    rows, include = "for_each: offers.csv", "!include welcome.json"
    aliases = "a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
        f"{new}: &{new} [{','.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcdef", "bcdefg", strict=True)
    )
    return [
        Broken("no such file of rows", rows, "for_each: «ofers.csv", ("/for_each: given", "did you mean 'offers.csv'")),
        Broken("rows of another format", rows, "for_each: «offers.xlsx", ("offers.xlsx", ".csv")),
        Broken("rows that are a number", rows, "for_each: «3", ("an int", "the name of rows")),
        Broken("rows of no name", rows, "for_each: «\"{{ '' }}\"", ("renders to nothing", "the name of rows")),
        Broken("rows that are no mappings", rows, "for_each: «[1, 2]", ("1", "a dict")),
        Broken("rows outside", rows, "for_each: «../offers.csv", ("leaves the manifest's folder",)),
        Broken("no such file", include, "«!include welcom.json", ("did you mean 'welcome.json'",)),
        Broken("a file outside", include, "«!include ../welcome.json", ("leaves the manifest's folder",)),
        Broken(
            "a file outside, in a detour", include, "«!include parts/../../x.json", ("leaves the manifest's folder",)
        ),
        Broken("an absolute path", include, "«!include /etc/passwd", ("'/etc/passwd'",)),
        Broken("an address", include, "«!include https://example.com/x.json", ("a path with /",)),
        Broken("a backslash", include, "«!include parts\\x.json", ("a path with /",)),
        Broken("no path", include, "«!include", ("a path",)),
        Broken("a folder", include, "«!include parts", ("a folder",), more=(("parts/x.txt", "x"),)),
        Broken("several files", include, "«!include [welcome.json]", ("one file",)),
        Broken(
            "a file that includes itself",
            include,
            "!include a.yaml",
            ("endless inclusion", "a.yaml includes a.yaml"),
            at="a.yaml:1:4",
            more=(("a.yaml", "x: !include a.yaml\n"),),
        ),
        Broken(
            "files that include each other",
            include,
            "!include a.yaml",
            ("a.yaml includes b.yaml includes a.yaml",),
            at="b.yaml:1:4",
            more=(("a.yaml", "x: !include b.yaml\n"), ("b.yaml", "y: !include a.yaml\n")),
        ),
        Broken("the manifest in itself", include, "«!include campaign.yaml", ("endless inclusion",)),
        Broken(
            "a mistake in an included file",
            include,
            "!include a.yaml",
            ("'formaat'",),
            at="a.yaml:3:20",
            more=(
                (
                    "a.yaml",
                    "- placement: name:Web hero\n  components:\n    - {type: html, formaat: text/html, content: x}\n",
                ),
            ),
        ),
        Broken(
            "a picture",
            include,
            "!include a.yaml",
            ("not UTF-8",),
            at="a.yaml:1",
            more=(("a.yaml", b"\x89PNG\r\n\x1a\n\xff"),),
        ),
        Broken(
            "half of a character",
            include,
            "!include a.yaml",
            ("not UTF-8",),
            at="a.yaml:2",
            more=(("a.yaml", b"a: 1\nb: \xe4\n"),),
        ),
        Broken(
            "UTF-16 without its mark",
            include,
            "!include a.yaml",
            ("byte order mark",),
            at="a.yaml:1",
            more=(("a.yaml", "a: 1".encode("utf-16-be")),),
        ),
        Broken("a huge file", include, "«!include a.yaml", ("bytes",), more=(("a.yaml", b"#" * (20 * 2**20 + 1)),)),
        Broken("an alias bomb", include, "!include a.yaml", ("values",), at="a.yaml:6:", more=(("a.yaml", aliases),)),
        Broken(
            "a bomb of files",
            include,
            "!include a.yaml",
            ("values",),
            at="",
            more=(("a.yaml", "\n".join(["- !include b.yaml"] * 1_500)), ("b.yaml", "\n".join(["- x"] * 1_000))),
        ),
        Broken(
            "a table with a cell too many",
            "towels,30,3,",
            "towels,30,3,9,",
            ("6 cells", "5 cells"),
            file="offers.csv",
            at="offers.csv:2",
        ),
        Broken(
            "a table with a column twice",
            "image,start",
            "image,name",
            ("'name'", "a second time"),
            file="offers.csv",
            at="offers.csv:1",
        ),
        Broken("an empty table", ROWS, "", ("an empty file",), file="offers.csv", at="offers.csv"),
        Broken(
            "a table without rows or columns",
            ROWS,
            "sku,price\n",
            ("'name'",),
            file="offers.csv",
            at="campaign.yaml:33:11",
            more=(
                (
                    "campaign.yaml",
                    MANIFEST.replace('"{{ row.priority }}"', "1")
                    .replace("/{{ row.image }}", "")
                    .replace('"{{ row.cap }}"', "1")
                    .partition("moved:")[0],
                ),
            ),
        ),
        Broken(
            "a cell that is no number",
            "towels,30",
            "towels,thirty",
            ("'thirty'", "whole number"),
            file="offers.csv",
            at="campaign.yaml:37:17 /offers/0/rank/priority in row 1 (offers.csv:2)",
        ),
    ]


SYNTAX = _syntax()
CASES = [*_words(), *SYNTAX, *_form(), *_content(), *_templates(), *_files()]
