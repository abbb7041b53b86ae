# Shared parts of the suites' scripts. A script sources this file, and calls `suite NAME` first and `finish` last.
#
# Each check is one test. `check` runs it now; `job` starts it in parallel with others, DTT_JOBS (4) at once. The last
# line is in the format of cargo, so that tools/test counts every suite in the same way.
# shellcheck shell=bash

# suite NAME FOLDER [PATTERN]: results and logs go to FOLDER. After a check that passed, the lines that match PATTERN
# are shown.
suite() {
  suite_name=$1 suite_folder=$2 suite_figures=${3:-^$}
  suite_limit=${DTT_JOBS:-4} suite_count=0
  rm -rf "$suite_folder/checks"
  mkdir -p "$suite_folder/checks"
  unset RUST_BACKTRACE RUST_LOG DTT_BOOTSTRAP
}

# check NAME COMMAND ...: runs a command as a test. Its output is shown if it fails.
check() {
  suite_count=$((suite_count + 1))
  local number=$suite_count name=$1 start=$SECONDS log; shift
  log=$suite_folder/checks/$number.log
  # The check counts as failed until it has passed: a check that is killed must not be forgotten.
  echo FAILED >"$suite_folder/checks/$number"
  if "$@" >"$log" 2>&1; then
    { echo "test $suite_name $name ... ok ($((SECONDS - start)) s)"; grep -hE "$suite_figures" "$log"; } | cat
    echo ok >"$suite_folder/checks/$number"
  else
    printf 'test %s %s ... FAILED (%s s)\n%s\n' "$suite_name" "$name" "$((SECONDS - start))" "$(tail -n 80 "$log")"
    return 1
  fi
}

# job NAME COMMAND ...: a check in the background. `jobs_done` waits for all of them.
job() {
  while [ "$(jobs -pr | wc -l)" -ge "$suite_limit" ]; do wait -n; done
  check "$@" &
  suite_count=$((suite_count + 1))
}

jobs_done() {
  wait
}

# ignore NAME WHY: a test that this machine cannot run.
ignore() {
  suite_count=$((suite_count + 1))
  echo "test $suite_name $1 ... ignored, $2"
  echo ignored >"$suite_folder/checks/$suite_count"
}

# tally PASSED FAILED IGNORED: the tests of another test runner.
tally() {
  local word n
  for word in ok FAILED ignored; do
    for ((n = 0; n < $1; n++)); do echo "$word"; done
    shift
  done >>"$suite_folder/checks/tally"
}

# finish: waits for the jobs, prints the result and exits with it.
finish() {
  wait
  local passed failed ignored word=ok
  passed=$(cat "$suite_folder"/checks/{tally,*[0-9]} 2>/dev/null | grep -c '^ok$')
  failed=$(cat "$suite_folder"/checks/{tally,*[0-9]} 2>/dev/null | grep -c '^FAILED$')
  ignored=$(cat "$suite_folder"/checks/{tally,*[0-9]} 2>/dev/null | grep -c '^ignored$')
  [ "$failed" = 0 ] && [ "$passed" != 0 ] || word=FAILED
  echo "test result: $word. $passed passed; $failed failed; $ignored ignored"
  [ "$word" = ok ]
  exit
}

# pair_talks PROGRAM: two processes of a chat program meet on a testnet, send messages in both directions, and end with
# their input. In `built`, the caller says where the programs of the development build are.
# shellcheck disable=SC2154
pair_talks() {
  timeout 600 python3 dtt-ffi/tests/pair.py "$built/dtt-testnet" "$1"
}

# demo_of NAME=PROGRAM ...: these programs and one in Rust receive each other's messages.
# shellcheck disable=SC2154
demo_of() {
  timeout 150 "$built/demo" "$@" "rita=$built/demo-peer"
}
