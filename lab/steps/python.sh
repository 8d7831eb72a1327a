# title: python:$PYTHON_MINOR-slim
# image: python:$PYTHON_MINOR-slim
# needs: debian
# disk-mb: 600
source "$LAB/recipes/debian.sh"
open_image debian:bookworm-slim
apt_install ca-certificates netbase tzdata "python$PYTHON_MINOR" python3-pip python3-venv
install_host_cas
for name in python python3 pip pip3; do in_root ln -s "/usr/bin/${name%3}3" "/usr/local/bin/$name"; done
# The official image lets pip install into the system.
rm "root/usr/lib/python$PYTHON_MINOR/EXTERNALLY-MANAGED"
slim
make_image debian:bookworm-slim layer <<'D'
ENV LANG=C.UTF-8 SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt PIP_CERT=/etc/ssl/certs/ca-certificates.crt REQUESTS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt
CMD ["python3"]
D
