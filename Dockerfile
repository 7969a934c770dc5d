# fer-keras in a container: the page in the browser, or predict.
#
#   docker build -t fer-keras .
#   docker run --rm -p 127.0.0.1:8501:8501 fer-keras                                    # http://127.0.0.1:8501
#   docker run --rm -v "$PWD:/data" fer-keras fer-keras predict /data/face.jpg --csv -
FROM python:3.11-slim
WORKDIR /src
COPY . .
RUN pip install --no-cache-dir ".[web,video]" && rm -rf /src && useradd --create-home user
USER user
WORKDIR /home/user
ENV TF_CPP_MIN_LOG_LEVEL=3
EXPOSE 8501
CMD ["fer-keras", "app", "--host", "0.0.0.0", "--no-browser"]
