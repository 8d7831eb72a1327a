// Command runc-compat is runc for a machine whose capability bounding set lacks CAP_SYS_RESOURCE.
//
// There runc cannot give a privileged container "all" capabilities, raise its limits or lower its OOM score, and ends
// with "unable to apply caps". This program takes from the OCI spec what the machine does not allow, then becomes runc.
// It serves dockerd on the machine and containerd inside a node. Where the bounding set is whole it changes nothing.
// It runs for each start of a container and for each exec, so for each probe too.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

const capSysResource = 24

// Capabilities in the order of their numbers, as in linux/capability.h.
var capabilities = strings.Fields(`CAP_CHOWN CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER CAP_FSETID CAP_KILL CAP_SETGID
	CAP_SETUID CAP_SETPCAP CAP_LINUX_IMMUTABLE CAP_NET_BIND_SERVICE CAP_NET_BROADCAST CAP_NET_ADMIN CAP_NET_RAW
	CAP_IPC_LOCK CAP_IPC_OWNER CAP_SYS_MODULE CAP_SYS_RAWIO CAP_SYS_CHROOT CAP_SYS_PTRACE CAP_SYS_PACCT CAP_SYS_ADMIN
	CAP_SYS_BOOT CAP_SYS_NICE CAP_SYS_RESOURCE CAP_SYS_TIME CAP_SYS_TTY_CONFIG CAP_MKNOD CAP_LEASE CAP_AUDIT_WRITE
	CAP_AUDIT_CONTROL CAP_SETFCAP CAP_MAC_OVERRIDE CAP_MAC_ADMIN CAP_SYSLOG CAP_WAKE_ALARM CAP_BLOCK_SUSPEND
	CAP_AUDIT_READ CAP_PERFMON CAP_BPF CAP_CHECKPOINT_RESTORE`)

func main() {
	if err := run(os.Args); err != nil {
		fmt.Fprintln(os.Stderr, "runc-compat:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	allowed, err := boundingSet(string(status))
	if err != nil {
		return err
	}
	if allowed&(1<<capSysResource) == 0 {
		if file, isProcess := specFile(args[1:]); file != "" {
			if err := rewriteSpec(file, isProcess, allowed); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
		}
	}
	runc, err := exec.LookPath("runc")
	if err != nil {
		return err
	}
	return syscall.Exec(runc, append([]string{"runc"}, args[1:]...), os.Environ())
}

// boundingSet reads CapBnd from the text of /proc/self/status.
func boundingSet(status string) (uint64, error) {
	_, rest, found := strings.Cut(status, "CapBnd:")
	if !found {
		return 0, errors.New("/proc/self/status has no CapBnd")
	}
	digits, _, _ := strings.Cut(rest, "\n")
	return strconv.ParseUint(strings.TrimSpace(digits), 16, 64)
}

// specFile names the file that runc's arguments give for a container's spec (create, run) or for the process of an
// exec; empty for every other subcommand.
func specFile(args []string) (file string, isProcess bool) {
	subcommand, bundle, process := "", ".", ""
	for i := 0; i < len(args); i++ {
		name, value, inline := strings.Cut(args[i], "=")
		if !inline && i+1 < len(args) {
			value = args[i+1]
		}
		switch name {
		case "create", "run", "exec":
			if subcommand == "" {
				subcommand = name
			}
		case "--bundle", "-b":
			bundle = value
		case "--process", "-p":
			process = value
		}
	}
	switch subcommand {
	case "create", "run":
		return filepath.Join(bundle, "config.json"), false
	case "exec":
		return process, true
	}
	return "", false
}

// rewriteSpec replaces the file in one step, so that nobody reads half of it. A file that is not there is runc's to report.
func rewriteSpec(file string, isProcess bool, allowed uint64) error {
	before, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	after, err := allowSpec(before, isProcess, allowed)
	if err != nil {
		return err
	}
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(file), ".runc-compat-")
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name())
	if _, err := temporary.Write(after); err != nil {
		return err
	}
	if err := temporary.Chmod(info.Mode().Perm()); err != nil {
		return err
	}
	if err := temporary.Close(); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), file)
}

// allowSpec returns the spec with what the bounding set forbids taken out of its process; every other value as it was.
func allowSpec(spec []byte, isProcess bool, allowed uint64) ([]byte, error) {
	decoder := json.NewDecoder(bytes.NewReader(spec))
	decoder.UseNumber() // limits are 64-bit numbers, which a float64 would round
	var document map[string]any
	if err := decoder.Decode(&document); err != nil {
		return nil, err
	}
	process := document
	if !isProcess {
		process, _ = document["process"].(map[string]any)
	}
	if process != nil {
		allowProcess(process, allowed)
	}
	return json.Marshal(document)
}

func allowProcess(process map[string]any, allowed uint64) {
	delete(process, "rlimits")
	if score, ok := process["oomScoreAdj"].(json.Number); ok && strings.HasPrefix(score.String(), "-") {
		delete(process, "oomScoreAdj")
	}
	forbidden := map[string]bool{}
	for number, name := range capabilities {
		forbidden[name] = allowed&(1<<number) == 0
	}
	sets, _ := process["capabilities"].(map[string]any)
	for set, names := range sets {
		list, _ := names.([]any)
		kept := make([]any, 0, len(list))
		for _, name := range list {
			if text, _ := name.(string); !forbidden[text] {
				kept = append(kept, name)
			}
		}
		sets[set] = kept
	}
}
