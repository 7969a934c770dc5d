"""The parts of the web page. Not ``pages``: Streamlit takes that folder for the pages of an app of several."""
