package tests

import (
	"io"
	"net/http"
	"strconv"
	"testing"
)

const address = "http://counter/count"

func read(t *testing.T, response *http.Response, err error) int {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	count, err := strconv.Atoi(string(body))
	if err != nil {
		t.Fatalf("%s: %s", response.Status, body)
	}
	return count
}

func TestCounts(t *testing.T) {
	response, err := http.Get(address)
	before := read(t, response, err)
	response, err = http.Post(address, "", nil)
	if after := read(t, response, err); after != before+1 {
		t.Errorf("%d after %d", after, before)
	}
}

func TestRefusesOtherMethods(t *testing.T) {
	request, err := http.NewRequest(http.MethodDelete, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("got %s", response.Status)
	}
}
