module github.com/tinit-dev/tinit

go 1.26.0

require (
	github.com/creack/pty v1.1.24
	github.com/moby/sys/reexec v0.1.0
	github.com/moby/sys/user v0.5.0
	github.com/stretchr/testify v1.12.1
	go.yaml.in/yaml/v3 v3.0.5
	golang.org/x/sys v0.49.0
)
