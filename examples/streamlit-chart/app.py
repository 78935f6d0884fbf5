"""How a ball falls: pick a height and a planet, see the curve."""

import numpy as np
import pandas as pd
import streamlit as st

GRAVITY = {"Earth": 9.81, "Moon": 1.62, "Mars": 3.72, "Jupiter": 24.79}

st.set_page_config(page_title="Falling Ball", page_icon="📈")
st.title("Falling Ball")

planet = st.selectbox("Planet", list(GRAVITY))
height = st.slider("Height in metres", 1, 100, 20)

duration = float(np.sqrt(2 * height / GRAVITY[planet]))
times = np.linspace(0, duration, 50)
curve = pd.DataFrame(
    {"seconds": times, "metres": height - GRAVITY[planet] * times**2 / 2}
).set_index("seconds")

st.line_chart(curve)
st.metric("Falls for", f"{duration:.2f} s")
if st.checkbox("Show the numbers"):
    st.dataframe(curve)
