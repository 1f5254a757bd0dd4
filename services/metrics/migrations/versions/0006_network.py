"""Teams and members with their history, declared denominators, and the revision of them all."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# A spell is [first_day, end_day); -infinity and infinity where it is open.
STATEMENTS = [
    """CREATE TABLE network_teams (
        team_id uuid NOT NULL UNIQUE,
        number integer PRIMARY KEY,
        unit integer NOT NULL,
        revision integer NOT NULL,
        first_day date NOT NULL,
        end_day date NOT NULL,
        level smallint NOT NULL,
        type smallint NOT NULL,
        code text NOT NULL,
        name text NOT NULL
    )""",
    "CREATE INDEX network_teams_unit ON network_teams (unit) INCLUDE (number, level, type, first_day, end_day)",
    """CREATE TABLE network_members (
        member_id uuid NOT NULL UNIQUE,
        number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        revision integer NOT NULL
    ) WITH (fillfactor = 90)""",
    # overlapping: the member was at some time in two teams at once; all others can be added up.
    """CREATE TABLE network_memberships (
        member bigint NOT NULL,
        team integer NOT NULL,
        first_day date NOT NULL,
        end_day date NOT NULL CHECK (first_day < end_day),
        overlapping boolean NOT NULL,
        PRIMARY KEY (member, team, first_day)
    )""",
    """CREATE INDEX network_memberships_team ON network_memberships (team)
        INCLUDE (first_day, end_day, member, overlapping)""",
    """CREATE INDEX network_memberships_shared ON network_memberships (team)
        INCLUDE (first_day, end_day, member) WHERE overlapping""",
    """CREATE TABLE network_posts (
        member bigint NOT NULL,
        post text NOT NULL,
        first_day date NOT NULL,
        end_day date NOT NULL CHECK (first_day < end_day),
        PRIMARY KEY (member, post, first_day)
    )""",
    "CREATE INDEX network_posts_post ON network_posts (post)",
    """CREATE TABLE network_appointments (
        member bigint NOT NULL,
        unit integer NOT NULL,
        kind text NOT NULL,
        first_day date NOT NULL,
        end_day date NOT NULL CHECK (first_day < end_day),
        PRIMARY KEY (member, kind, unit, first_day)
    )""",
    "CREATE INDEX network_appointments_kind ON network_appointments (kind, unit)",
    """CREATE TABLE network_trainings (
        member bigint NOT NULL,
        completed_on date NOT NULL,
        course text NOT NULL,
        PRIMARY KEY (member, completed_on, course)
    )""",
    """CREATE TABLE denominators (
        denominator_id uuid PRIMARY KEY,
        unit_id uuid NOT NULL,
        value bigint NOT NULL CHECK (value >= 0),
        revision integer NOT NULL,
        on_day date NOT NULL,
        min_age smallint,
        max_age smallint,
        base text NOT NULL,
        source text NOT NULL
    )""",
    "CREATE INDEX denominators_unit ON denominators (unit_id, base, on_day)",
    """CREATE TABLE network_revision (
        single boolean PRIMARY KEY DEFAULT true CHECK (single),
        epoch integer NOT NULL,
        n bigint NOT NULL,
        changed_at timestamptz
    )""",
    # As of the data: a database made anew must not give revisions that were given before.
    "INSERT INTO network_revision (epoch, n) VALUES ((extract(epoch FROM now()) / 60)::integer, 0)",
]

TABLES = (
    "network_revision",
    "denominators",
    "network_trainings",
    "network_appointments",
    "network_posts",
    "network_memberships",
    "network_members",
    "network_teams",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for table in TABLES:
        op.execute(f"DROP TABLE {table}")
    # What these had told is told again from the beginning when they are made anew.
    op.execute("""DELETE FROM inbox WHERE topic IN
        ('tungnha.registry.teams', 'tungnha.registry.members', 'tungnha.registry.denominators')""")
