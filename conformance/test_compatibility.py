"""docs/compatibility.md holds what a run shows: each verdict is proven here, or by a test that it names.

Stands last in a run, or in a second part of it, so that the tests that verdicts name have run. What is not as it is said is mended in the server,
or said otherwise in `compatibility/verdicts`; then `--rewrite` writes the page:
`cargo xtask test conformance -- test_compatibility.py --rewrite`.
"""

import difflib
import re
from pathlib import Path

import pytest

from compatibility import members, probes, proofs, verdicts
from compatibility.page import PAGE, page
from compatibility.world import World
from test_operations import IMPLEMENTED, IMPLEMENTED_RUNTIME, IMPLEMENTED_STS

HERE = Path(__file__).parent
# Statuses are looked at while they pass.
CONFIG = "describe_hold_ms = 0\n"


@pytest.fixture(scope="module")
def world(server):
    return World(server)


@pytest.fixture(scope="module")
def proven(world):
    return proofs.Proofs(world)


def test_the_page_is_of_the_operations_that_there_are():
    assert set(members.ALL) == {*IMPLEMENTED, *IMPLEMENTED_RUNTIME, *IMPLEMENTED_STS}
    assert {path.stem for path in verdicts.FOLDER.iterdir()} == set(members.ALL)


@pytest.mark.parametrize("operation", members.ALL)
def test_every_member_has_a_verdict_and_every_verdict_a_member(operation):
    problems = verdicts.request_problems(operation) + verdicts.response_problems(operation)
    problems += verdicts.error_problems(operation)
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("operation", members.ALL)
def test_what_is_said_of_a_request_is_what_happens(proven, operation):
    problems = proven.problems(operation)
    if problems:
        pytest.fail("\n".join(problems), pytrace=False)


@pytest.fixture(scope="module")
def answered(world, proven):
    """The world after all that is asked in this module: with and without what is not always there."""
    for operation in members.ALL:
        proven.problems(operation)
    probes.what_names_data_is_given_back(world)
    probes.times_are_given_back(world)
    probes.pages_of_each_list_are_seen(world)
    probes.a_model_may_leave_its_content_type_out(world)
    probes.a_stream_that_breaks_says_so(world)
    probes.the_caller_is_seen(world)
    return world


@pytest.mark.parametrize("operation", members.ALL)
def test_what_is_said_of_an_answer_is_what_comes(answered, operation):
    """Of all answers of this module, those to the requests of the proofs above among them."""
    problems = proofs.answer_problems(answered, operation)
    if problems:
        pytest.fail("\n".join(problems), pytrace=False)


def test_tests_that_verdicts_name_passed_in_this_run(request, leave_out):
    outcomes = request.config.pluginmanager.get_plugin("outcomes")
    collected = {item.nodeid.split("[")[0] for item in request.session.items}
    unproven, elsewhere = [], []
    for test, shown in verdicts.named_tests().items():
        file, _, name = test.partition("::")
        if not re.search(rf"^def {name}\(", (HERE / file).read_text(), re.MULTILINE):
            unproven.append(f"there is no {test}, which is to prove {shown[0]}")
        elif test not in collected and not outcomes.ran_before(test):
            elsewhere.append(test)
        elif not outcomes.of(test):
            unproven.append(f"{test} did not pass, which is to prove {', '.join(shown)}")
    assert not unproven, "\n".join(unproven)
    if elsewhere:
        options = request.config
        is_whole = options.args_source is not pytest.Config.ArgsSource.ARGS and not options.getoption("keyword")
        assert not is_whole and not outcomes.before, f"the whole suite lacks {elsewhere}"
        leave_out(f"{len(elsewhere)} tests that verdicts name are not in this run; they are in the whole suite")


def test_the_page_is_what_the_verdicts_give(request):
    others = len(members.model("sagemaker").operation_names) - len(IMPLEMENTED)
    found = page(others)
    if request.config.getoption("rewrite"):
        outcomes = request.config.pluginmanager.get_plugin("outcomes")
        assert not outcomes.failed, "nothing is written while something is not as it is said"
        PAGE.write_text(found)
    known = PAGE.read_text()
    if found != known:
        lines = difflib.unified_diff(
            known.splitlines(), found.splitlines(), "docs/compatibility.md", "this run", lineterm=""
        )
        pytest.fail("\n".join(lines), pytrace=False)
