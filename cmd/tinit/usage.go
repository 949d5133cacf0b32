package main

const usage = `Usage: tinit [flags] [--] PROGRAM [ARG...]
       tinit [flags] --services FILE [[--] PROGRAM [ARG...]]
       tinit [flags] -P
       tinit COMMAND [flags]

Be PROGRAM's init: start it, send signals on to it, reap, and end with its exit
code. Flags end at the first word that is none, or at --.

  -c, --single-child         signal PROGRAM alone, not its process group
  -g, --group                signal PROGRAM's process group (the default)
  -r, --rewrite FROM:TO      send TO in place of signal FROM; TO 0 drops it (repeatable)
  -e, --success-code N       report exit code N as 0 (repeatable)
  -p, --parent-death SIG     get SIG when tinit's parent ends, and forward it
  -s, --subreaper            accepted for tini's sake: tinit always is one
  -w, --warn-reaped          say when an orphan is reaped
  -P, --pause                no PROGRAM: reap until TERM or INT, leave with 0
  -k, --kill-after DURATION  KILL PROGRAM if it is still there DURATION after a stop
                             signal was sent to it (default 0: never)
      --grace DURATION       time between TERM and KILL for what PROGRAM leaves behind
                             (default 1s)
      --stop-delay DURATION  hold a stop signal back; a second one ends the delay
      --stop-signal LIST     the stop signals (default TERM,INT,QUIT)
      --services FILE        start the services of FILE beside PROGRAM, or without
                             (tinit-services(5))
  -u, --user USER[:GROUP]    start PROGRAM as this user, by name or number
  -C, --chdir DIR            start PROGRAM in this directory
      --umask MODE           start PROGRAM with this umask, in octal
      --env K[=V]            give PROGRAM this variable, K alone as tinit has it
                             (repeatable)
      --env-file FILE        the same from a file, one a line (repeatable)
      --no-new-privileges    PROGRAM and what it starts gain none, as by set-user-ID
      --ignore LIST          start PROGRAM with these signals ignored (repeatable)
      --new-session          start PROGRAM in a session of its own
      --stdin FILE           have PROGRAM read this file
      --stdout FILE          append PROGRAM's output to this file
      --stderr FILE          append PROGRAM's errors to this file
  -v, --verbose              say what tinit does
  -q, --quiet                say only why PROGRAM could not be started
  -h, --help                 print this
  -V, --version              print the version
  -l, -L, --license          print the licence

COMMAND, other than as process 1 (tinit COMMAND -h says more):
  run                        run a program in the background, as a job
  jobs                       list the jobs
  status                     say what is known of one
  logs                       print what it has written
  fg                         follow it until it ends
  bg                         continue one that was stopped
  stop                       end it, with all that it has started
  kill                       send it a signal
  wait                       wait for its end
  start                      start one again that has ended
  restart                    stop it, and start it again
  rm                         remove one that has ended
  ps                         list the processes of this PID namespace, and who has
                             not reaped zombies
  check                      say what is wrong with a services file

DURATION: 10 or 1.5 (seconds), 500ms, 2m, 1h30m, 1d. SIG, FROM, TO: TERM, SIGTERM,
15, RTMIN+3. Lists have commas between.
Variables: TINIT_SINGLE_CHILD TINIT_REWRITE TINIT_SUCCESS_CODE TINIT_KILL_AFTER
TINIT_GRACE TINIT_STOP_DELAY TINIT_STOP_SIGNAL TINIT_VERBOSE; a flag beats its
variable.
Exit codes: PROGRAM's; 128+n if signal n killed it; 127 not found, 126 not
executable, 125 an error of tinit's own. See tinit(1).
`

const license = `tinit - a container-friendly init and reaper
Copyright The tinit authors

Licensed under the Apache License, Version 2.0 (the "License");
you may not use this file except in compliance with the License.
You may obtain a copy of the License at

    https://www.apache.org/licenses/LICENSE-2.0

Unless required by applicable law or agreed to in writing, software
distributed under the License is distributed on an "AS IS" BASIS,
WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
See the License for the specific language governing permissions and
limitations under the License.
`
