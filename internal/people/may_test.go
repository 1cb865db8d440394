package people

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestWhoMayDoWhat(t *testing.T) {
	d := office
	d.Teams = append([]Team{{ID: "rota", Rota: &Rota{Members: []string{"ghost"}}}}, d.Teams...)
	shop := Asked{Certificate: "shop", Owner: "minji", Team: "shop"}
	web := Asked{Certificate: "www", Owner: "", Team: "web"}
	turns := Asked{Certificate: "turns", Team: "rota"}
	for name, tc := range map[string]struct {
		who   string
		of    Asked
		may   bool
		given Permissions
	}{
		"the owner may":                                         {who: "minji", of: shop, may: true},
		"a member of the team may":                              {who: "alex", of: shop, may: true},
		"a member who is away may":                              {who: "sam", of: shop, may: true},
		"the manager may":                                       {who: "boss", of: shop, may: true},
		"who is on call for the catch-all operates":             {who: "night", of: shop, may: true},
		"who has turns in the rota may":                         {who: "ghost", of: turns, may: true},
		"another team's member may not":                         {who: "minji", of: web},
		"another team's manager may not":                        {who: "boss", of: web},
		"a stranger may not":                                    {who: "slack:U99 (not in the directory)", of: shop},
		"nobody may not":                                        {who: "", of: shop},
		"the team's own readers may":                            {who: "team:shop", of: shop, may: true},
		"the operators' readers may":                            {who: "team:sre", of: shop, may: true},
		"another team's readers may not":                        {who: "team:web", of: shop},
		"without owner and team the operators may":              {who: "night", of: Asked{}, may: true},
		"without owner and team nobody else may":                {who: "minji", of: Asked{}},
		"of an owner without team that of the owner":            {who: "boss", of: Asked{Owner: "minji"}, may: true},
		"an owner who is gone may not, though named":            {who: "gone", of: Asked{Owner: "gone", Team: "shop"}},
		"a team that is gone leaves the operators":              {who: "night", of: Asked{Team: "gone"}, may: true},
		"readers of a team that is gone may not":                {who: "team:", of: Asked{Team: "gone"}},
		"everybody in the directory, if it says so":             {who: "minji", of: web, may: true, given: Permissions{Answer: []string{TheDirectory}, Operate: []string{TheDirectory}}},
		"everybody in the directory is not everybody":           {who: "x", of: web, given: Permissions{Answer: []string{TheDirectory}, Operate: []string{TheDirectory}}},
		"strangers, if it says so":                              {who: "slack:U99", of: web, may: true, given: Permissions{Answer: []string{Anyone}, Operate: []string{Anyone}}},
		"only the owner, if it says so":                         {who: "alex", of: shop, given: Permissions{Answer: []string{TheOwner}, Operate: []string{TheOwner}}},
		"only operators, if it says so: not even the owner":     {who: "minji", of: shop, given: Permissions{Answer: []string{TheOperators}, Operate: []string{TheOperators}}},
		"of what has no owner the operators, though it says so": {who: "night", of: web, may: true, given: Permissions{Answer: []string{TheOwner}, Operate: []string{TheOwner}}},
		"their readers too":                                     {who: "team:sre", of: web, may: true, given: Permissions{Answer: []string{TheOwner}, Operate: []string{TheOwner}}},
		"of what has no owner nobody else, if it says so":       {who: "boss", of: web, given: Permissions{Answer: []string{TheOwner}, Operate: []string{TheOwner}}},
		"an operator by the configuration is one of the list":   {who: "night", of: shop, may: true, given: Permissions{Answer: []string{TheOperators}, Operate: []string{TheOperators}}},
	} {
		t.Run(name, func(t *testing.T) {
			d.Permissions = tc.given
			for _, v := range []Verb{Acknowledge, Snooze, Check, TakeOver, Reassign, Renew, "roll-back", "deploy", "revoke", "pause", "retire", "set-spec", "what comes later"} {
				tc.of.Verb = v
				if err := d.May(tc.who, tc.of); (err == nil) != tc.may {
					t.Errorf("%s: %v", v, err)
				}
			}
		})
	}
}

func TestAnsweringAndOperatingAreDifferentThings(t *testing.T) {
	d := office
	d.Permissions = Permissions{Operate: []string{TheOperators}}
	for _, v := range []Verb{Acknowledge, Snooze, Check, TakeOver, Reassign} {
		if err := d.May("minji", Asked{Verb: v, Certificate: "shop", Owner: "minji", Team: "shop"}); err != nil {
			t.Errorf("%s: %v", v, err)
		}
	}
	err := d.May("minji", Asked{Verb: "retire", Certificate: "shop", Owner: "minji", Team: "shop"})
	if f, ok := errors.AsType[Forbidden](err); !ok || f.Who != "minji" || err.Error() != "minji may not retire shop; night may (permissions in the worker's configuration)" {
		t.Errorf("%v", err)
	}
}

func TestOneTeamNeedsNoListOfMembers(t *testing.T) {
	d := Directory{People: []Person{{ID: "minji"}, {ID: "alex"}}, Teams: []Team{{ID: "sre", Slack: "C01"}}, CatchAll: "sre"}
	for _, of := range []Asked{{Verb: Acknowledge}, {Verb: "retire", Owner: "minji", Team: "sre"}} {
		if err := d.May("alex", of); err != nil {
			t.Error(err)
		}
	}
	if d.May("stranger", Asked{Verb: Acknowledge}) == nil {
		t.Error("a stranger may")
	}
	if err := (Directory{}).May("whoever", Asked{Verb: Acknowledge}); err != nil {
		t.Errorf("without a directory nobody is told from another: %v", err)
	}
}

func TestARefusalNamesThoseWhoMayUpToEight(t *testing.T) {
	f := Forbidden{May: strings.Split("abcdefghij", "")}
	if got := f.Whom(); got != "a, b, c, d, e, f, g, h and 2 more" {
		t.Error(got)
	}
	if got := (Forbidden{}).Whom(); got != "nobody" {
		t.Error(got)
	}
}

func TestNobodyReadsClearTextUnlessItSaysSo(t *testing.T) {
	for name, tc := range map[string]struct {
		decode []string
		may    []string
	}{
		"by default":    {nil, nil},
		"operators":     {[]string{TheOperators}, []string{"night"}},
		"the directory": {[]string{TheDirectory}, []string{"night", "minji", "boss"}},
	} {
		d := office
		d.Permissions = Permissions{Decode: tc.decode, Answer: []string{Anyone}, Operate: []string{Anyone}}
		for _, who := range []string{"night", "minji", "boss", "", "x", "team:sre", "slack:U99"} {
			if err := d.MayDecode(who); (err == nil) != slices.Contains(tc.may, who) {
				t.Errorf("%s, %q: %v", name, who, err)
			}
		}
	}
	if err := (Directory{}).MayDecode(""); err == nil {
		t.Error("without a directory everybody may")
	}
	if err := (Permissions{Decode: []string{TheOwner, TheOperators}}).Validate(); err == nil || err.Error() != `permissions.decode[0]: "owner" is nobody; use operators, directory` {
		t.Error(err)
	}
}

func TestPermissionsOfNobodyAreRefused(t *testing.T) {
	d := office
	d.Permissions = Permissions{Answer: []string{"owner", "Team"}, Operate: []string{"minji"}}
	err := d.Validate()
	if err == nil || err.Error() != "permissions.answer[1]: \"Team\" is nobody; use owner, team, operators, directory, anyone\npermissions.operate[0]: \"minji\" is nobody; use owner, team, operators, directory, anyone" {
		t.Error(err)
	}
}

func TestACertificateIsGivenToThoseOfTheDirectoryOnly(t *testing.T) {
	if err := errors.Join(office.Receives("minji", "web"), office.Receives("", "web"), office.Receives("minji", ""), office.Receives("", "")); err != nil {
		t.Error(err)
	}
	err := office.Receives("web", "minji")
	if err == nil || !strings.Contains(err.Error(), `owner: "web" is nobody`) || !strings.Contains(err.Error(), `team: "minji" is not`) {
		t.Error(err)
	}
}
