"""The lab: namespaces and real IPsec peers around a NAT under test.

    run.py         one run: its unique name, its directory, its clean-up
    netns.py       a network namespace of this run, and commands inside it
    topology.py    the hosts and the wires between them (opens with a drawing)
    guest.py       user-mode-linux: the IPsec hosts, with a kernel that has ESP
    agent.py       what runs *inside* the guest: its init and command server
    pluto.py       libreswan: configuration, and one daemon per IPsec host
    world.py       all of the above together: `with World() as world: ...`
    nat.py         the NAT under test, as the cases see it
    masquerade.py  ... the kernel's own MASQUERADE, for contrast
    spinatd.py     ... spinat
    probes.py      ping and bulk transfer through a tunnel, with counts
    ordinary.py    an http page and a name, for hosts that know nothing of IPsec
    cases.py       the scenarios a, b, c, (d), e, f, g and the rekeys
    report.py      tables for a plain terminal
    demo.py        what `make demo` runs
    cleanup.py     removes what dead runs left behind
    need.py        what the machine must have, and why a test is skipped

Everything happens in namespaces that the run itself made.  Needs root, Python 3.11 and the Debian packages
named in need.py; nothing outside the standard library.
"""
