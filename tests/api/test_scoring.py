"""Scoring that continues in another process after a crash."""

from __future__ import annotations

import pytest

from tests.api.conftest import Serve
from tests.store.prediction_helpers import a_prediction, broken_off, closed, crowd, resolved, scores_in
from tests.valkey import Valkey
from tests.wait import until


@pytest.mark.parametrize("taking_back", [False, True])
async def test_scoring_interrupted_is_finished_by_another_process(
    serve: Serve, valkey: Valkey, taking_back: bool
) -> None:
    async with serve(secret="of both services") as service, serve(secret="of both services"):
        store = service.store
        record = await a_prediction(store)
        expected = await crowd(store, record, 90)
        record = await closed(store, record)
        if taking_back:
            record = await resolved(store, record, "home")
        progress = await broken_off(store, valkey.url, record, after_steps=3, taking_back=taking_back)
        assert progress.done < progress.total

        async def is_done() -> bool:
            poll = (await service.admin.get(f"/v1/admin/polls/{record.poll.id}")).json()
            return bool(poll["version"] > record.poll.version + 1)

        await until(is_done, within_s=20)
        poll = (await service.admin.get(f"/v1/admin/polls/{record.poll.id}")).json()
        assert poll["phase"] == ("closed" if taking_back else "resolved")
        assert await scores_in(store) == ({} if taking_back else expected)
        log = (await service.admin.get(f"/v1/admin/polls/{record.poll.id}/audit")).json()["items"]
        assert (log[0]["act"], log[0]["by"]) == ("unresolve" if taking_back else "resolve", "ama")
