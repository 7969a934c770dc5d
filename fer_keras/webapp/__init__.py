"""The web page of ``fer-keras app``: Streamlit calls ``start.py``, which shows ``page.py``. It calls inference only."""
