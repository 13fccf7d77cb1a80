"""The portability test types what the README says."""

from portability.check_roots import ROOT, as_typed, readme_lines


def test_the_lines_are_the_readmes():
    lines = readme_lines((ROOT / "README.md").read_text())
    assert [as_typed(line) for line in lines] == [
        ("apt install python3 python3-venv python3-dev g++ make", True),
        ("make demo", False),
    ]


def test_a_comment_is_not_typed():
    assert as_typed("make demo    # a few minutes") == ("make demo", False)


def test_only_the_first_block_of_that_section_is_read():
    text = "```sh\nno\n```\n## Hear something in five minutes\n```sh\nfirst\n\nsecond\n```\n```sh\nno\n```\n"
    assert readme_lines(text) == ["first", "second"]
