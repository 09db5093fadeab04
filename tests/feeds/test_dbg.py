from tests.feeds.conftest import *
from tests.feeds.small_week import *
def test_dbg(make_week):
    week = make_week()
    week.begin()
    print(week.game("g1", at("Thu 20:15", week=NEXT_WEEK)))
    print(week.result("g1", 27, 20))
    week.live_until(at("next Mon 12:00", week=NEXT_WEEK))
    week.open(NEXT_WEEK)
    while week.deadlines.tick():
        pass
    with week.datastore.connection() as c:
        print(c.execute("select * from feed_messages").fetchall())
    print(week.state(NEXT_WEEK), week.ingest.take_waiting())
    with week.datastore.connection() as c:
        print(c.execute("select * from feed_messages").fetchall())
    print(week.dead(), [f.event for f in week.facts(week=NEXT_WEEK)])
