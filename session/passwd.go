package session

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
)

// LookupUser reads a user as docker run -u, gosu and chown(1) take it: NAME, UID, either with :GROUP or :GID after it, or
// that alone, for this process's own user in another group.
//
// Names are looked for in /etc/passwd and /etc/group. A number need not be there; without a group it keeps this process's, and
// its home is the root directory. The supplementary groups are those that /etc/group has the user in, as with initgroups(3),
// and none if a group is named.
func LookupUser(spec string) (*User, error) {
	passwd, err := readDatabase("/etc/passwd")
	if err != nil {
		return nil, err
	}
	group, err := readDatabase("/etc/group")
	if err != nil {
		return nil, err
	}
	return lookupUser(spec, passwd, group, os.Getuid(), os.Getgid())
}

// readDatabase: in an image of one file there is none, and to open a FIFO would take for ever.
func readDatabase(file string) ([]byte, error) {
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no regular file", file)
	}
	return os.ReadFile(file)
}

func lookupUser(spec string, passwd, group []byte, uid, gid int) (*User, error) {
	name, groupName, _ := strings.Cut(spec, ":")
	if name == "" && groupName == "" || strings.Contains(groupName, ":") {
		return nil, fmt.Errorf("%q is no user, nor user:group", spec)
	}
	u := &User{UID: uid, GID: gid, Groups: []int{}, Home: "/"}
	byName, err := idOrName(name, &u.UID)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", spec, err)
	}
	found := false
	for entry := range entries(passwd, 2, 3) {
		if found = byName && entry[0] == name || !byName && number(entry[2]) == u.UID; found {
			u.Name, u.UID, u.GID = entry[0], number(entry[2]), number(entry[3])
			if len(entry) > 5 {
				u.Home = cmp.Or(entry[5], u.Home)
			}
			break
		}
	}
	if byName && !found {
		return nil, fmt.Errorf("no user %q in /etc/passwd", name)
	}
	if groupName == "" {
		u.Groups = groupsOf(u.Name, group)
		return u, nil
	}
	byName, err = idOrName(groupName, &u.GID)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", spec, err)
	}
	if !byName {
		return u, nil
	}
	for entry := range entries(group, 2) {
		if entry[0] == groupName {
			u.GID = number(entry[2])
			return u, nil
		}
	}
	return nil, fmt.Errorf("no group %q in /etc/group", groupName)
}

// groupsOf are those that have a user of this name among their members.
func groupsOf(name string, group []byte) []int {
	gids := []int{}
	for entry := range entries(group, 2) {
		if name != "" && len(entry) > 3 && slices.Contains(strings.Split(entry[3], ","), name) {
			gids = append(gids, number(entry[2]))
		}
	}
	return gids
}

// idOrName sets id if text is a number, and leaves it if text is empty.
func idOrName(text string, id *int) (isName bool, err error) {
	if text == "" {
		return false, nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	switch {
	case errors.Is(err, strconv.ErrSyntax):
		return true, nil
	case err != nil || n < 0:
		return false, fmt.Errorf("numbers go from 0 to %d", math.MaxInt32)
	}
	*id = int(n)
	return false, nil
}

// entries are the fields of each line of a database (passwd(5), group(5)), without the comments, and without the lines in which one of
// these fields, counted from 0, is no number, as in the C library. To take that for 0 would be to take it for root.
//
// The rules are those of github.com/moby/sys/user, which engines have, and which the tests compare with. It itself takes 1 % of the
// CPU time of each start to make its errors, and reads what is no number as 0.
func entries(database []byte, numbers ...int) iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		for line := range strings.Lines(string(database)) {
			entry := strings.Split(strings.TrimSpace(line), ":")
			bad := strings.HasPrefix(entry[0], "#") || slices.ContainsFunc(numbers, func(i int) bool {
				return i >= len(entry) || number(entry[i]) < 0
			})
			if !bad && !yield(entry) {
				return
			}
		}
	}
}

// number is -1 for what is none.
func number(field string) int {
	n, err := strconv.ParseUint(field, 10, 31)
	if err != nil {
		return -1
	}
	return int(n)
}
