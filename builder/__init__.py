"""Floor 3: revisions become environments, images or folders that the runtime can start.

Decided by pure functions (`due`, `plan`, `dockerfile`, `causes`), done by thin adapters
(`environment`, `image`, `folder`), driven by `worker`. Never imports `hooks` or `runtime`.
"""
