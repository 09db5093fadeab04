from tests.feeds.small_week import *
def test_probe(week):
    week.listed("g1")
    a = week.bet("ann","g1","spread","home",110)
    week.live_until(at("Thu 20:15"))
    week.result("g1", 35, 20)
    week.react()
    assert week.outcome(a) == ("won", None, 210)
    week.play_out()
def test_probe2(week):
    test_probe(week)
