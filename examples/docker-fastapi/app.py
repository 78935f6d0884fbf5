"""A whiteboard: a page, a small API and a WebSocket that tells everybody what was written."""

from pathlib import Path

from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

app = FastAPI(title="Whiteboard")
notes: list[str] = []
visitors: set[WebSocket] = set()


class Note(BaseModel):
    text: str = Field(min_length=1, max_length=280)


@app.get("/", response_class=HTMLResponse)
def page() -> str:
    return Path(__file__).with_name("index.html").read_text()


@app.get("/notes")
def list_notes() -> list[str]:
    return notes


@app.post("/notes", status_code=201)
async def add_note(note: Note) -> Note:
    await tell(note.text)
    return note


@app.websocket("/live")
async def live(visitor: WebSocket) -> None:
    await visitor.accept()
    visitors.add(visitor)
    try:
        await visitor.send_json({"notes": notes})
        while True:
            await tell(await visitor.receive_text())
    except WebSocketDisconnect:
        pass
    finally:
        visitors.discard(visitor)


async def tell(text: str) -> None:
    notes.append(text)
    del notes[:-100]
    for visitor in list(visitors):
        await visitor.send_json({"note": text})
