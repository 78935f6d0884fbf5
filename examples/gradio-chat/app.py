"""A reading room: upload a text, ask about it, count its words."""

import os
import re
import time
from collections import Counter
from pathlib import Path

import gradio as gr

GREETING = os.environ.get("GREETING", "Hello")


def greet(name: str) -> str:
    return f"{GREETING}, {name or 'reader'}!"


def sentences(text: str) -> list[str]:
    return [part.strip() for part in re.split(r"(?<=[.!?])\s+", text) if part.strip()]


def answer(message: str, history: list, file: str | None):
    """Stream the sentence of the uploaded text that shares the most words with the question."""
    if not file:
        reply = "Upload a text file first, then ask me about it."
    else:
        asked = set(re.findall(r"\w+", message.lower()))
        found = max(
            sentences(Path(file).read_text(errors="replace")),
            key=lambda sentence: len(asked & set(re.findall(r"\w+", sentence.lower()))),
            default="The file is empty.",
        )
        reply = f"The text says: {found}"
    shown = ""
    for word in reply.split():
        shown += word + " "
        time.sleep(0.01)
        yield shown.strip()


def count_words(file: str, progress=gr.Progress()) -> dict:
    """The ten most frequent words; slow on purpose, so that the queue can be seen."""
    words = re.findall(r"\w+", Path(file).read_text(errors="replace").lower())
    counts: Counter[str] = Counter()
    for number, word in enumerate(words):
        counts[word] += 1
        if number % 500 == 0:
            progress(number / max(1, len(words)), desc="Counting")
    return {"words": len(words), "most_common": counts.most_common(10)}


with gr.Blocks(title="Reading Room") as demo:
    gr.Markdown("# Reading Room")
    file = gr.File(label="A text file", file_types=["text"], type="filepath")
    with gr.Tab("Chat"):
        gr.ChatInterface(answer, additional_inputs=[file], api_name="chat")
    with gr.Tab("Words"):
        count = gr.Button("Count the words")
        counted = gr.JSON(label="Words")
        count.click(count_words, file, counted, api_name="count_words")
    with gr.Tab("Greeting"):
        name = gr.Textbox(label="Name")
        greeting = gr.Textbox(label="Greeting")
        name.submit(greet, name, greeting, api_name="greet")

demo.queue(default_concurrency_limit=2).launch()
