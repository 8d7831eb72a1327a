//go:build tools

// Package tools names the program of Jaeger that the lab builds, so that go.mod and go.sum pin all it needs.
package tools

import _ "github.com/jaegertracing/jaeger/cmd/all-in-one"
