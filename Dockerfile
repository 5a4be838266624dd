# The server as an image: its wheel and its pinned dependencies, run by a user without rights.
FROM python:3.11-slim AS build
WORKDIR /src
RUN python -m venv /opt/trimtab
COPY requirements/image.txt requirements/image.txt
RUN /opt/trimtab/bin/pip install --no-cache-dir --no-deps --require-hashes -r requirements/image.txt
COPY pyproject.toml README.md LICENSE ./
COPY service service
COPY migrations migrations
RUN /opt/trimtab/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.11-slim
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/trimtab trimtab
COPY --from=build /opt/trimtab /opt/trimtab
# The credentials file lies in $XDG_CONFIG_HOME/trimtab.
ENV PATH=/opt/trimtab/bin:$PATH XDG_CONFIG_HOME=/var/lib/trimtab PYTHONUNBUFFERED=1
USER trimtab
WORKDIR /var/lib/trimtab
EXPOSE 8731
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8731/healthz', timeout=4)"]
ENTRYPOINT ["trimtab-service"]
CMD ["serve"]
