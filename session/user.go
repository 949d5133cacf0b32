package session

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/sys/user"
	"golang.org/x/sys/unix"
)

// A User is whom a program runs as (credentials(7)).
type User struct {
	Name   string // empty for a number that /etc/passwd does not know
	UID    int
	GID    int
	Groups []int // the supplementary ones
	Home   string
}

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
	passwd, group = wellFormed(passwd, 2, 3), wellFormed(group, 2)
	found, err := user.GetExecUser(spec, &user.ExecUser{Uid: uid, Gid: gid, Home: "/"}, bytes.NewReader(passwd), bytes.NewReader(group))
	switch {
	case errors.Is(err, user.ErrNoPasswdEntries):
		return nil, fmt.Errorf("no user %q in /etc/passwd", name)
	case errors.Is(err, user.ErrNoGroupEntries):
		return nil, fmt.Errorf("no group %q in /etc/group", groupName)
	case err != nil:
		return nil, fmt.Errorf("%q: %w", spec, err)
	}
	u := &User{UID: found.Uid, GID: found.Gid, Groups: found.Sgids, Home: cmp.Or(found.Home, "/")}
	// Two names may have one number.
	entries, err := user.ParsePasswdFilter(bytes.NewReader(passwd), func(entry user.User) bool { return entry.Uid == u.UID })
	if err != nil {
		return nil, fmt.Errorf("%q: %w", spec, err)
	}
	for _, entry := range entries {
		if u.Name == "" || entry.Name == name {
			u.Name = entry.Name
		}
	}
	return u, nil
}

// wellFormed leaves out comments, and the lines in which one of these fields, counted from 0, is no number, as the C library
// does. Package user would take that for 0, which is root.
func wellFormed(database []byte, numbers ...int) []byte {
	var good []byte
	for line := range bytes.Lines(database) {
		fields := bytes.Split(bytes.TrimSpace(line), []byte(":"))
		bad := bytes.HasPrefix(fields[0], []byte("#")) || slices.ContainsFunc(numbers, func(i int) bool {
			if i >= len(fields) {
				return true
			}
			_, err := strconv.ParseUint(string(fields[i]), 10, 31)
			return err != nil
		})
		if !bad {
			good = append(good, line...)
		}
	}
	return good
}

// Environ returns env with HOME, USER and LOGNAME as they are for this user. Of one without a name the last two are taken out.
// SHELL is left alone, as docker and gosu leave it: the program is no login.
func (u *User) Environ(env []string) []string {
	env = slices.DeleteFunc(slices.Clone(env), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return name == "HOME" || name == "USER" || name == "LOGNAME"
	})
	env = append(env, "HOME="+u.Home)
	if u.Name != "" {
		env = append(env, "USER="+u.Name, "LOGNAME="+u.Name)
	}
	return env
}

// String is the name, or the numbers.
func (u *User) String() string {
	if u.Name != "" {
		return u.Name
	}
	return strconv.Itoa(u.UID) + ":" + strconv.Itoa(u.GID)
}

// become changes the user of this process. hint says what may be behind an error.
//
// Who is not root and that user already needs no privilege for it, and has the groups that it has.
func (u *User) become() (hint string, err error) {
	if !isID(u.UID) || !isID(u.GID) || slices.ContainsFunc(u.Groups, func(gid int) bool { return !isID(gid) }) {
		return "no such number", unix.EINVAL
	}
	uids, gids := ids(unix.Getresuid()), ids(unix.Getresgid())
	sameUser, sameGroup := uids == all(u.UID), gids == all(u.GID)
	if sameUser && sameGroup && u.UID != 0 {
		return "", nil
	}
	groups, err := unix.Getgroups()
	if err != nil {
		return "getgroups", err
	}
	if !slices.Equal(sorted(groups), sorted(u.Groups)) {
		if err := unix.Setgroups(u.Groups); err != nil {
			return hintOf("setgroups", "CAP_SETGID", err), err
		}
	}
	if !sameGroup {
		if err := unix.Setresgid(u.GID, u.GID, u.GID); err != nil {
			return hintOf("setresgid", "CAP_SETGID", err), err
		}
	}
	if !sameUser {
		if err := unix.Setresuid(u.UID, u.UID, u.UID); err != nil {
			return hintOf("setresuid", "CAP_SETUID", err), err
		}
	}
	return "", nil
}

// isID: of a greater number the kernel sees a part, and by the greatest of its own, -1, it leaves things as they are.
func isID(id int) bool { return id >= 0 && uint64(id) < 1<<32-1 }

// A process has three IDs of either kind.
func ids(real, effective, saved int) [3]int { return [3]int{real, effective, saved} }

func all(id int) [3]int { return [3]int{id, id, id} }

func sorted(ids []int) []int { return slices.Sorted(slices.Values(ids)) }

func hintOf(call, capability string, err error) string {
	switch err {
	case unix.EPERM:
		return call + " needs " + capability
	case unix.EINVAL:
		return call + ": no such number in this user namespace"
	}
	return call
}

func (u *User) format() string {
	return strings.Join([]string{strconv.Itoa(u.UID), strconv.Itoa(u.GID), formatInts(u.Groups), u.Name}, ":")
}

func parseUser(text string) (u *User, err error) {
	fields := strings.SplitN(text, ":", 4)
	if len(fields) != 4 {
		return nil, fmt.Errorf("%q is no user", text)
	}
	u = &User{Name: fields[3]}
	var errs [3]error
	u.UID, errs[0] = strconv.Atoi(fields[0])
	u.GID, errs[1] = strconv.Atoi(fields[1])
	u.Groups, errs[2] = parseInts[int](fields[2])
	return u, errors.Join(errs[:]...)
}
