package session

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

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
