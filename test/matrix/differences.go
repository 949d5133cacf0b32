package main

// A difference is one that is meant: what tinit by the name of a peer does
// otherwise than the peer, and why. One that no longer shows is an error.
type difference struct {
	row, peer string
	tinit     string // its cell
	reason    string
}

var differences = []difference{}
