package forwarder

import (
	"fmt"
	"maps"
	"strings"
	"syscall"
)

// A Rewrite says which signal is sent on in place of another; 0 drops it. The zero value changes nothing.
type Rewrite map[syscall.Signal]syscall.Signal

// Apply returns what is to be sent in place of sig, 0 if nothing is.
func (r Rewrite) Apply(sig syscall.Signal) syscall.Signal {
	if to, ok := r[sig]; ok {
		return to
	}
	return sig
}

// Add reads rules such as TERM:QUIT, 15:3 or HUP:0, with commas between them. Of two rules for one signal the later one
// counts. On an error nothing was added.
func (r *Rewrite) Add(rules string) error {
	added := Rewrite{}
	for rule := range strings.SplitSeq(rules, ",") {
		from, to, err := parseRule(strings.TrimSpace(rule))
		if err != nil {
			return err
		}
		added[from] = to
	}
	if *r == nil {
		*r = Rewrite{}
	}
	maps.Copy(*r, added)
	return nil
}

func parseRule(rule string) (from, to syscall.Signal, err error) {
	left, right, ok := strings.Cut(rule, ":")
	if !ok {
		return 0, 0, fmt.Errorf("%q is not of the form FROM:TO", rule)
	}
	if from, err = ParseSignal(left); err != nil {
		return 0, 0, err
	}
	if err := CheckForwarded(from); err != nil {
		return 0, 0, err
	}
	if right == "0" {
		return from, 0, nil
	}
	if to, err = ParseSignal(right); err != nil {
		return 0, 0, err
	}
	return from, to, nil
}
