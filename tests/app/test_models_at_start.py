"""A model that can't be used is found out when an app is entered, before its store is opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from perdure import Agent, App
from perdure.errors import ModelUnknown, SettingInvalid
from perdure.testing.scripted import ScriptedModel, say


def app_of(folder: Path, *models: str | None, model: str | None = None) -> App:
    agents = [Agent(f"agent{n}", model=each) for n, each in enumerate(models)]
    return App(f"sqlite:///{folder}/perdure.db", agents=agents, model=model)


def made_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def entered(app: App) -> None:
    async with app:
        pass


@pytest.mark.parametrize("name", ["gpt-5", "nobody:gpt-5", "perdure:genius"])
async def test_a_name_that_nobody_knows_is_refused_and_nothing_is_made(tmp_path: Path, name: str) -> None:
    for app in (app_of(tmp_path, None, name), app_of(tmp_path, None, model=name)):
        with pytest.raises(ModelUnknown):
            await entered(app)
    assert made_in(tmp_path) == []


async def test_a_key_that_is_missing_is_named_and_nothing_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(SettingInvalid) as refused:
        await entered(app_of(tmp_path, "openai:gpt-5-mini"))
    assert refused.value.field == "OPENAI_API_KEY"
    assert made_in(tmp_path) == []


async def test_a_client_only_asks_so_it_needs_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    async with app_of(tmp_path, "openai:gpt-5-mini").client() as client:
        thread = await client.threads.create("agent0")
        assert (await thread.send("Hello?")).number == 1


async def test_a_name_without_a_provider_is_refused_where_a_message_is_sent() -> None:
    async with App("memory:", agents=[Agent("one", model=ScriptedModel([say("Yes.")]))]) as app:
        thread = await app.threads.create("one")
        with pytest.raises(ModelUnknown):
            await thread.send("Hello?", model="gpt-5")
        assert await thread.messages() == []
