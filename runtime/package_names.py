"""Which package to install for a module or a library that an app misses."""

from __future__ import annotations

_PACKAGES = {
    "Bio": "biopython",
    "Crypto": "pycryptodome",
    "Cryptodome": "pycryptodomex",
    "Levenshtein": "levenshtein",
    "MySQLdb": "mysqlclient",
    "OpenGL": "PyOpenGL",
    "OpenSSL": "pyOpenSSL",
    "PIL": "pillow",
    "PyPDF2": "PyPDF2",
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "clip": "openai-clip",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "discord": "discord.py",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "faiss": "faiss-cpu",
    "fitz": "pymupdf",
    "git": "GitPython",
    "google.cloud.storage": "google-cloud-storage",
    "google.genai": "google-genai",
    "google.generativeai": "google-generativeai",
    "google.protobuf": "protobuf",
    "googleapiclient": "google-api-python-client",
    "igraph": "python-igraph",
    "jose": "python-jose",
    "jwt": "PyJWT",
    "langchain_community": "langchain-community",
    "langchain_core": "langchain-core",
    "langchain_huggingface": "langchain-huggingface",
    "langchain_openai": "langchain-openai",
    "llama_cpp": "llama-cpp-python",
    "magic": "python-magic",
    "mpl_toolkits": "matplotlib",
    "multipart": "python-multipart",
    "nacl": "PyNaCl",
    "pkg_resources": "setuptools",
    "pptx": "python-pptx",
    "psycopg2": "psycopg2-binary",
    "pylab": "matplotlib",
    "pytorch_lightning": "pytorch-lightning",
    "sentence_transformers": "sentence-transformers",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "slugify": "python-slugify",
    "socketio": "python-socketio",
    "spacy_streamlit": "spacy-streamlit",
    "speech_recognition": "SpeechRecognition",
    "streamlit_chat": "streamlit-chat",
    "telegram": "python-telegram-bot",
    "umap": "umap-learn",
    "whisper": "openai-whisper",
    "wx": "wxPython",
    "yaml": "pyyaml",
    "youtube_dl": "youtube-dl",
    "yt_dlp": "yt-dlp",
    "zmq": "pyzmq",
}
"""Modules whose package has another name; every other one is called as its first part."""

_LIBRARIES = {
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libSM.so.6": "libsm6",
    "libXext.so.6": "libxext6",
    "libXrender.so.1": "libxrender1",
    "libgomp.so.1": "libgomp1",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libportaudio.so.2": "libportaudio2",
    "libpq.so.5": "libpq5",
    "libsndfile.so": "libsndfile1",
    "libsndfile.so.1": "libsndfile1",
    "libcairo.so.2": "libcairo2",
    "libpango-1.0.so.0": "libpango-1.0-0",
    "libmagic.so.1": "libmagic1",
    "libtesseract.so.5": "tesseract-ocr",
    "libespeak-ng.so.1": "espeak-ng",
}
"""Shared libraries and the Debian package that holds them."""


def package_of(module: str) -> str:
    """What to write into requirements.txt for `import module`: `sklearn.svm` → scikit-learn."""
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        known = _PACKAGES.get(".".join(parts[:length]))
        if known:
            return known
    return parts[0].replace("_", "-") if parts[0].isidentifier() else parts[0]


def debian_package_of(library: str) -> str | None:
    """What to write into packages.txt for a missing `libGL.so.1`, if that is known."""
    return _LIBRARIES.get(library)
