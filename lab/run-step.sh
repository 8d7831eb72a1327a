# The plan of lab/up and the running of its steps: sourced by lab/up.
# shellcheck shell=bash disable=SC2154 # lab/up and its other parts set lab, cache, tools, step_key

plan=()
declare -A planned=()
# For the counter [3/14]: how many there are, all of them until the plan says otherwise.
total=$(find "$lab/steps" -name '*.sh' | wc -l)
total=$((total + 3))
number=0
child=

fail() {
  echo "lab: $*" >&2
  exit 1
}

# is_made STEP: whether what the step makes is there, made by this very recipe; or an image of that name that the lab did
# not make, which is the real one and stays.
is_made() {
  local image label
  compute_key "$1"
  image=$(image_of "$1")
  if [[ -z $image ]]; then
    [[ -d $(output_of "$1") ]]
    return
  fi
  label=$(docker image inspect --format '{{or (index .Config.Labels "floe.lab.recipe") "not ours"}}' "$image" 2>/dev/null) || return 1
  [[ $label == "${step_key[$1]}" || $label == "not ours" ]]
}

need_docker() {
  local step
  for step in "$@"; do
    if [[ -n $(image_of "$step") ]]; then return 0; fi
  done
  return 1
}

# make_plan STEP...: the steps in the order in which they run. What only a finished step needs is left out.
make_plan() {
  add_to_plan "$@"
  total=$((number + ${#plan[@]}))
}

add_to_plan() {
  local step needs
  for step in "$@"; do
    [[ -z ${planned[$step]:-} ]] || continue
    planned[$step]=yes
    if ! is_made "$step"; then
      read -ra needs <<<"$(header_of "$step" needs)"
      add_to_plan "${needs[@]}"
    fi
    plan+=("$step")
  done
}

is_anything_missing() {
  local step
  for step in "${plan[@]}"; do
    if ! is_made "$step"; then return 0; fi
  done
  return 1
}

# require_disk: ends before anything is built where the plan needs more than there is.
require_disk() {
  local step folder need_mb=0 have_mb
  for step in "${plan[@]}"; do
    is_made "$step" || need_mb=$((need_mb + $(header_of "$step" disk-mb)))
  done
  folder=$(tightest_folder)
  have_mb=$(room_mb "$folder")
  ((need_mb <= have_mb)) || fail "what is missing needs $(gb "$need_mb") GB of disk while it is built; there are $(gb "$have_mb") GB in $folder"
}

# tightest_folder: of the folders that grow (the cache, docker's, Go's build cache) the one with the least room.
tightest_folder() {
  local folder docker_root
  docker_root=$(timeout 10 docker info --format '{{.DockerRootDir}}' 2>/dev/null) || docker_root=
  for folder in "$cache" "$docker_root" "$(go env GOCACHE)"; do
    if [[ -d $folder ]]; then echo "$(room_mb "$folder") $folder"; fi
  done | sort -n | head -n 1 | cut -d' ' -f2-
}
room_mb() { df --output=avail --block-size=1M "$1" | tail -n 1 | tr -d ' '; }
gb() { echo "$(($1 / 1000)).$(($1 % 1000 / 100))"; }

begin_line() {
  number=$((number + 1))
  started=$SECONDS
  printf '[%2d/%d] %s … ' "$number" "$total" "$1"
}

# run_task TITLE FUNCTION: something that the machine has or gets. It finds out each time; it sets outcome where it acted.
run_task() {
  local log=$cache/log/$2.log
  begin_line "$1"
  outcome=
  if ! "$2" >"$log" 2>&1; then
    echo "failed after $((SECONDS - started)) s"
    end_of_log "$log"
    fail "$1 failed; the whole log is $log"
  fi
  if [[ -n $outcome ]]; then echo "$outcome, $((SECONDS - started)) s"; else echo "there"; fi
}

# run_step STEP: builds in a folder of its own and puts the whole into its place in one move, or leaves nothing.
run_step() {
  local step=$1 work image need variable log=$cache/log/$1.log isolation=() environment=() status=0
  begin_line "$(title_of "$step")"
  if is_made "$step"; then
    echo cached
    return
  fi
  image=$(image_of "$step")
  work=$cache/work/$step
  rm -rf --one-file-system "$work"
  mkdir -p "$work"

  environment=(LAB="$lab" RECIPE="${step_key[$step]}" IMAGE="$image" FLOE_LAB_CACHE="$cache")
  for variable in $(pins_of "$lab/steps/$step.sh"); do environment+=("$variable=${!variable}"); done
  for need in $(header_of "$step" needs); do
    variable=${need//-/_}
    if [[ -z $(image_of "$need") ]]; then environment+=("${variable^^}=$(output_of "$need")"); fi
  done
  # A step lives in namespaces of its own, whose processes and mounts go with it however it ends; it ends with lab/up.
  # Programs alone can be built without root, and then without this.
  if ((EUID == 0)); then isolation=(setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child --mount-proc); fi

  # The text as a whole (-c): bash would read the file bit by bit while somebody edits it.
  (
    cd "$work" || exit
    exec env "${environment[@]}" "${isolation[@]}" bash -euo pipefail -O inherit_errexit -c "$(<"$lab/steps/$step.sh")" "$step"
  ) >"$log" 2>&1 </dev/null &
  child=$!
  wait "$child" || status=$?
  child=

  if ((status == 0)); then
    if [[ -n $image ]]; then
      rm -rf --one-file-system "$work"
    else
      mkdir -p "$cache/$step"
      mv -T "$work" "$(output_of "$step")"
    fi
    is_made "$step" || status=71
  fi
  if ((status != 0)); then
    echo "failed after $((SECONDS - started)) s"
    local folder left_mb
    folder=$(tightest_folder)
    left_mb=$(room_mb "$folder")
    rm -rf --one-file-system "$work"
    end_of_log "$log"
    if grep -qiE 'no space left on device|ENOSPC' "$log" || ((left_mb < 100)); then
      fail "the disk is full: $(gb "$left_mb") GB were left in $folder when $step failed; it left nothing behind"
    fi
    fail "$step failed (status $status); the whole log is $log"
  fi
  echo "$((SECONDS - started)) s"
}

end_of_log() { tail -n 20 "$1" | sed 's/^/    /' >&2; }

# clean_up: whatever the end, no process of a step and no half output stays.
clean_up() {
  if [[ -n $child ]] && kill -KILL "$child" 2>/dev/null; then
    wait "$child" 2>/dev/null || echo "stopped" >&2
  fi
  rm -rf --one-file-system "$cache/work"
}

# remove_leftovers: half outputs of a lab/up that was killed. Its processes are gone, or it would still hold the lock.
remove_leftovers() {
  mkdir -p "$cache/log"
  rm -rf --one-file-system "$cache/work"
}

# remove_docker_leftovers: containers out of which a killed step was copying an image's files.
remove_docker_leftovers() {
  local container
  for container in $(docker ps --all --quiet --filter "label=floe.lab.cache=$cache"); do docker rm --force "$container" >/dev/null; done
}

# link_programs: what lab/env puts on the PATH, each link replaced in one step.
link_programs() {
  local step program
  mkdir -p "$cache/bin"
  for step in "${tools[@]}"; do
    compute_key "$step"
    for program in "$(output_of "$step")"/bin/*; do
      [[ -x $program ]] || continue
      ln -sfn "$program" "$cache/bin/.$$"
      mv -T "$cache/bin/.$$" "$cache/bin/${program##*/}"
    done
  done
}

# remember_node_image: tells lab/env which node image of ours there is, and that there is none where kind pulls its own.
remember_node_image() {
  if ! $pulls_images && docker_answers && is_made node; then image_of node >"$cache/node-image"; else rm -f "$cache/node-image"; fi
}

# remove_replaced_images: images of earlier recipes, by id, those that nothing is built on or runs from any more.
remove_replaced_images() {
  local image left=()
  [[ -s $cache/replaced-images ]] && docker_answers || return 0
  for image in $(tac "$cache/replaced-images"); do
    if docker image inspect "$image" >/dev/null 2>&1 && ! docker rmi "$image" >/dev/null 2>&1; then left=("$image" "${left[@]}"); fi
  done
  printf '%s\n' "${left[@]}" >"$cache/replaced-images"
}
