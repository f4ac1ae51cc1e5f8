# The application with what it needs and nothing else, run by nobody in particular.
FROM python:3.13-slim AS build
WORKDIR /src
RUN python -m venv /venv
COPY requirements/base.txt requirements/
RUN /venv/bin/pip install --no-cache-dir --require-hashes -r requirements/base.txt
COPY pyproject.toml README.md LICENSE CHANGELOG.md ./
COPY src src
RUN /venv/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.13-slim
RUN useradd --system --uid 10001 --home-dir /data saydo && install -d -o saydo -m 700 /data
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH SAYDO_HOME=/data PYTHONUNBUFFERED=1
USER saydo
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=30s --start-period=60s CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health/', timeout=5)"]
CMD ["saydo", "serve", "--host", "0.0.0.0"]
