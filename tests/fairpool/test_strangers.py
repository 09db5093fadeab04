"""What strangers are asked, and what it means where one of them cannot be."""

from __future__ import annotations

from pathlib import Path

from fairpool.exports.second_opinion import Opinion
from fairpool.strangers import Strangers, Verdict, verify_alone
from tests.played_week import SIGNER


def test_a_folder_that_is_no_export_is_told_by_the_program(tmp_path: Path) -> None:
    """The program runs in its bare environment, and what it finds is the verdict."""
    verdict = verify_alone(tmp_path, office=tmp_path, keys=(str(SIGNER.verifier),))
    assert verdict is not None
    assert not verdict.is_ok
    assert "manifest: " in verdict.said


def test_a_program_that_is_not_here_says_nothing(tmp_path: Path) -> None:
    """An installed package has no docs: nobody is asked, and nothing is claimed."""
    assert verify_alone(tmp_path, office=tmp_path, keys=(), program=tmp_path / "verify_week.py") is None


def test_one_who_found_a_difference_is_enough(tmp_path: Path) -> None:
    """All are content only if none of those who were asked differs."""
    fine, wrong = Verdict(True, "verified"), Verdict(False, "tree: differs")
    agrees, differs = Opinion("hledger", ()), Opinion("hledger", ("entry: differs",))
    content = [(fine, agrees), (fine, None), (None, agrees), (None, None)]
    assert all(Strangers(tmp_path, verdict, journal).are_content for verdict, journal in content)
    discontent = [(wrong, agrees), (fine, differs), (wrong, None), (None, differs)]
    assert not any(Strangers(tmp_path, verdict, journal).are_content for verdict, journal in discontent)
