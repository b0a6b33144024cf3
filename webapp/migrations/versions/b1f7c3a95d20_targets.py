"""targets"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = 'b1f7c3a95d20'
down_revision = '6f2b81d4c7a3'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('target',
    sa.Column('user_id', sa.Uuid(), nullable=True),
    sa.Column('team_id', sa.Uuid(), nullable=True),
    sa.Column('measure', sa.Enum('conversations', 'calls_placed', 'talk_minutes', 'callbacks', name='measure', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('amount', sa.Integer(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['team_id'], ['team.id'], name=op.f('fk_target_team_id_team'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_target_user_id_user'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_target')),
    sa.UniqueConstraint('team_id', 'measure', name=op.f('uq_target_team_id_measure')),
    sa.UniqueConstraint('user_id', 'measure', name=op.f('uq_target_user_id_measure'))
    )


def downgrade() -> None:
    op.drop_table('target')
