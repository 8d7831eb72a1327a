# The code location of the full platform: floe-example and what it takes to write Iceberg tables and send traces.
# An image of its own, since pyarrow alone is larger than all that profile minimal needs.
#   docker build -t floe-example-lakehouse:dev -f lakehouse.Dockerfile .
ARG BASE=floe-example:dev
FROM ${BASE}

USER root
COPY requirements/lakehouse.txt /tmp/requirements.txt
RUN pip install --no-cache-dir --no-deps --require-hashes -r /tmp/requirements.txt \
 && rm /tmp/requirements.txt
USER 1000:1000
