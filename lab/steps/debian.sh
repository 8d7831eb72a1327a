# title: debian:bookworm-slim
# image: debian:bookworm-slim
# disk-mb: 500
source "$LAB/recipes/debian.sh"
debootstrap_into tree
make_image scratch tree <<<'CMD ["bash"]'
