"""A turn that failed with a model step is restarted with that step, beside what its calls have left recorded."""

from __future__ import annotations

import pytest

from perdure import Agent
from perdure.errors import ModelRequestInvalid, RunFailed
from perdure.testing.scripted import call, fail, say
from tests.agents.conftest import Stage


async def test_a_turn_goes_on_with_the_model_step_that_failed_and_repeats_no_call(stage: Stage) -> None:
    called: list[str] = []

    def weather(city: str) -> str:
        called.append(city)
        raise ValueError("no weather today")

    refusal = fail(ModelRequestInvalid("no such model", status=404))
    model = stage.scripted([call("weather", city="Oslo")], [refusal], say("I can't tell."))
    thread = await stage.open(Agent("assistant", model=model, tools=[weather]))
    turn = await thread.send("Weather?")
    with pytest.raises(RunFailed, match="no such model"):
        await turn.result()
    assert stage.app is not None
    run = stage.app.run((await turn.record()).run_id)
    failure = (await run.record()).failure
    assert failure is not None
    assert (len(failure.positions), failure.settled) == (1, ())
    await run.restart()
    assert (await turn.result()).text == "I can't tell."
    assert called == ["Oslo"]
