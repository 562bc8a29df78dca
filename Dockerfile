# The studio (or any other command) in a container, on the CPU, by a user without rights:
#   docker build --tag shelftalk .
#   docker run --rm --init --volume shelftalk:/workspace --publish 127.0.0.1:8501:8501 shelftalk
# docs/install.md says how `serve` and the other commands are run.

FROM python:3.13-slim-bookworm AS build
RUN python -m venv /opt/shelftalk
ENV PATH=/opt/shelftalk/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /source
COPY constraints.txt ./
# From PyTorch's own index and from no other: PyPI's torch for Linux needs two gigabytes of CUDA libraries.
RUN pip install --constraint constraints.txt --index-url https://download.pytorch.org/whl/cpu torch
COPY pyproject.toml PYPI.md LICENSE ./
COPY src src
RUN pip install --constraint constraints.txt '.[studio,serve]'

FROM python:3.13-slim-bookworm
RUN useradd --uid 10001 --create-home shelftalk && install --directory --owner shelftalk --group shelftalk /workspace
COPY --from=build /opt/shelftalk /opt/shelftalk
ENV PATH=/opt/shelftalk/bin:$PATH SHELFTALK_WORKSPACE=/workspace
USER 10001
WORKDIR /home/shelftalk
VOLUME /workspace
EXPOSE 8501 8000
ENTRYPOINT ["shelftalk"]
# Of a container's own addresses none but the machine's published port is reachable; a password is made and printed.
CMD ["studio", "--no-browser", "--port", "8501", "--host", "0.0.0.0", "--public-host", "127.0.0.1:8501"]
