package main

import (
	"encoding/json"
	"reflect"
	"testing"
)

// The bounding set of the machine that this program was written for: all but CAP_SYS_RESOURCE.
const withoutSysResource = 0x1fffeffffff

func TestSpecFile(t *testing.T) {
	cases := []struct {
		args      []string
		file      string
		isProcess bool
	}{
		{[]string{"--root", "/run/runc", "--log", "l", "create", "--bundle", "/b", "--pid-file", "p", "id"}, "/b/config.json", false},
		{[]string{"run", "-b=/b", "id"}, "/b/config.json", false},
		{[]string{"create", "id"}, "config.json", false},
		{[]string{"exec", "--process", "/tmp/p.json", "--detach", "id"}, "/tmp/p.json", true},
		{[]string{"exec", "id", "true"}, "", true},
		{[]string{"delete", "--force", "id"}, "", false},
	}
	for _, c := range cases {
		if file, isProcess := specFile(c.args); file != c.file || isProcess != c.isProcess {
			t.Errorf("%v: got %q, %v", c.args, file, isProcess)
		}
	}
}

func TestAllowSpecTakesOutOnlyWhatIsForbidden(t *testing.T) {
	spec := `{"ociVersion":"1.0.2","linux":{"limit":9223372036854771712},"process":{"args":["sh"],"oomScoreAdj":-500,
		"rlimits":[{"type":"RLIMIT_NOFILE","soft":1048576}],
		"capabilities":{"bounding":["CAP_CHOWN","CAP_SYS_RESOURCE"],"effective":["CAP_SYS_RESOURCE"]}}}`
	want := `{"ociVersion":"1.0.2","linux":{"limit":9223372036854771712},"process":{"args":["sh"],
		"capabilities":{"bounding":["CAP_CHOWN"],"effective":[]}}}`
	got, err := allowSpec([]byte(spec), false, withoutSysResource)
	if err != nil {
		t.Fatal(err)
	}
	if !sameJSON(t, got, []byte(want)) {
		t.Errorf("got %s", got)
	}
}

func TestAllowSpecOfAnExec(t *testing.T) {
	got, err := allowSpec([]byte(`{"args":["true"],"oomScoreAdj":1000,"rlimits":[]}`), true, withoutSysResource)
	if err != nil {
		t.Fatal(err)
	}
	if !sameJSON(t, got, []byte(`{"args":["true"],"oomScoreAdj":1000}`)) {
		t.Errorf("got %s", got)
	}
}

func TestBoundingSet(t *testing.T) {
	got, err := boundingSet("CapEff:\t0\nCapBnd:\t000001fffeffffff\nCapAmb:\t0\n")
	if err != nil || got != withoutSysResource {
		t.Errorf("got %x, %v", got, err)
	}
}

func sameJSON(t *testing.T, a, b []byte) bool {
	t.Helper()
	var left, right any
	if err := json.Unmarshal(a, &left); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &right); err != nil {
		t.Fatal(err)
	}
	return reflect.DeepEqual(left, right)
}
